#define _GNU_SOURCE
#include "CSwiftHooks.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// `dladdr` knows exported functions only, and those of an executable are not. So the symbol table
// is read from the object's file.

extern char *swift_demangle(
    const char *name, size_t nameLength, char *output, size_t *outputLength, uint32_t flags);

/// Whether `count` items of `size` bytes lie inside a file of `length` bytes at `offset`.
static bool fits(uint64_t offset, uint64_t count, uint64_t size, uint64_t length) {
    return offset <= length && count <= (length - offset) / size;
}

/// The function that contains `address` in one symbol table, or null.
static char *findInTable(
    const unsigned char *file, uint64_t length, const Elf64_Shdr *table, const Elf64_Shdr *strings,
    uint64_t address
) {
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    if (!fits(table->sh_offset, count, sizeof(Elf64_Sym), length)) return NULL;
    if (!fits(strings->sh_offset, strings->sh_size, 1, length)) return NULL;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(file + table->sh_offset);
    const char *text = (const char *)(file + strings->sh_offset);
    for (uint64_t index = 0; index < count; index++) {
        const Elf64_Sym *symbol = &symbols[index];
        if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC) continue;
        if (address < symbol->st_value) continue;
        if (address - symbol->st_value >= symbol->st_size) continue;
        if (symbol->st_name >= strings->sh_size) continue;
        return strndup(text + symbol->st_name, strings->sh_size - symbol->st_name);
    }
    return NULL;
}

/// The function that contains `address` in a mapped ELF file, or null.
static char *findInFile(const unsigned char *file, uint64_t length, uint64_t address) {
    if (length < sizeof(Elf64_Ehdr)) return NULL;
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return NULL;
    if (header->e_ident[EI_CLASS] != ELFCLASS64) return NULL;
    if (!fits(header->e_shoff, header->e_shnum, sizeof(Elf64_Shdr), length)) return NULL;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
    for (unsigned index = 0; index < header->e_shnum; index++) {
        if (sections[index].sh_type != SHT_SYMTAB) continue;
        if (sections[index].sh_link >= header->e_shnum) continue;
        const Elf64_Shdr *strings = &sections[sections[index].sh_link];
        char *name = findInTable(file, length, &sections[index], strings, address);
        if (name) return name;
    }
    return NULL;
}

static char *findSymbol(const char *path, uint64_t address) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return NULL;
    char *name = NULL;
    struct stat status;
    if (fstat(descriptor, &status) == 0 && status.st_size > 0) {
        size_t length = (size_t)status.st_size;
        void *file = mmap(NULL, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (file != MAP_FAILED) {
            name = findInFile(file, length, address);
            munmap(file, length);
        }
    }
    close(descriptor);
    return name;
}

char *CSwiftCopyFunctionName(const void *address) {
    Dl_info info;
    if (!dladdr(address, &info)) return NULL;
    char *symbol = info.dli_sname ? strdup(info.dli_sname) : NULL;
    if (!symbol && info.dli_fname) {
        // The program's own name may be relative or stale; the link to it is neither.
        uint64_t offset = (uint64_t)((uintptr_t)address - (uintptr_t)info.dli_fbase);
        symbol = findSymbol(info.dli_fname, offset);
        if (!symbol) symbol = findSymbol("/proc/self/exe", offset);
    }
    if (!symbol) return NULL;
    char *name = swift_demangle(symbol, strlen(symbol), NULL, NULL, 0);
    if (!name) return symbol;
    free(symbol);
    return name;
}

void CSwiftFreeName(char *name) { free(name); }
