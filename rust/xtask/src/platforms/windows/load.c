// load.exe LIBRARY SYMBOL: loads a library and looks up a symbol in it, as the engine does.
#include <stdio.h>
#include <windows.h>

int main(int count, char **words)
{
    HMODULE library = count == 3 ? LoadLibraryA(words[1]) : NULL;
    if (library == NULL) {
        printf("the library cannot be loaded: error %lu\n", GetLastError());
        return 1;
    }
    if (GetProcAddress(library, words[2]) == NULL) {
        printf("the library has no symbol %s: error %lu\n", words[2], GetLastError());
        return 1;
    }
    printf("loaded, with the symbol %s\n", words[2]);
    return FreeLibrary(library) ? 0 : 1;
}
