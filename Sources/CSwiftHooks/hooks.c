#include "CSwiftHooks.h"
