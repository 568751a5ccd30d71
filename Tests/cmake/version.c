/* The library that was linked is the one that the header describes. */
#include <scn.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    char expected[32];
    snprintf(expected, sizeof expected, "%d.%d.%d", SCN_VERSION_MAJOR, SCN_VERSION_MINOR, SCN_VERSION_PATCH);
    printf("scn %s, header %s\n", scn_version(), expected);
    return scn_abi_version() == SCN_ABI_VERSION && strcmp(scn_version(), expected) == 0 ? 0 : 1;
}
