// load.exe LIBRARY SYMBOL: loads a library and calls its entry point, as the engine does. The interface that it is given
// has every function, and none of them does anything but tell a version: that is enough to begin.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

typedef void (*Function)(void);
typedef Function (*GetProcAddressOfEngine)(const char *name);

struct Initialization {
    int32_t first_level;
    void *user_data;
    void (*initialize)(void *user_data, int32_t level);
    void (*deinitialize)(void *user_data, int32_t level);
};

typedef uint8_t (*EntryPoint)(GetProcAddressOfEngine get, void *library, struct Initialization *told);

struct Version {
    uint32_t major, minor, patch;
    const char *text;
};

static int asked_for;

static uintptr_t any_function(void)
{
    return (uintptr_t)&any_function;
}

static void get_version(struct Version *version)
{
    version->major = 4;
    version->minor = 6;
    version->patch = 0;
    version->text = "a stand-in";
}

static Function get(const char *name)
{
    asked_for++;
    // The second form has more fields; who does not find it takes the first.
    if (strcmp(name, "get_godot_version2") == 0)
        return NULL;
    if (strcmp(name, "get_godot_version") == 0)
        return (Function)get_version;
    return (Function)any_function;
}

int main(int count, char **words)
{
    HMODULE library = count == 3 ? LoadLibraryA(words[1]) : NULL;
    if (library == NULL) {
        printf("the library cannot be loaded: error %lu\n", GetLastError());
        return 1;
    }
    EntryPoint enter = (EntryPoint)GetProcAddress(library, words[2]);
    if (enter == NULL) {
        printf("the library has no symbol %s: error %lu\n", words[2], GetLastError());
        return 1;
    }
    struct Initialization told = {0};
    int is_begun = enter(get, library, &told);
    printf("%s returned %d and asked for %d functions\n", words[2], is_begun, asked_for);
    fflush(stdout);
    if (!is_begun || told.initialize == NULL || told.deinitialize == NULL)
        return 1;
    return 0;
}
