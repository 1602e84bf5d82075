import ArgumentParser
import Hummingbird
import Yams
@main struct Sunny: ParsableCommand { func run() { print("sunny") } }
