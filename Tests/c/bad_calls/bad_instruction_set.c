/* Where SCN_ISA names no instruction set, every operation says so: the program runs itself anew with such a name. */
#define _POSIX_C_SOURCE 200809L
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/** In a child with an unknown SCN_ISA: return 0 where an operation says so. */
static int child(void) {
    float numbers[6] = {0};
    scn_matrix two_rows = SCN_MATRIX(numbers, 2, 3);
    scn_status status = scn_add_forward(&two_rows, &two_rows, &two_rows);
    printf("%s: %s\n%s\n", scn_status_name(status), scn_last_error(), scn_cpu_description());
    return !(status == SCN_ERROR_UNSUPPORTED && strstr(scn_last_error(), "SCN_ISA") &&
             strstr(scn_cpu_description(), "SCN_ISA"));
}

int main(int argc, char **argv) {
    int status = -1;
    if (argc > 1) return child();
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        setenv("SCN_ISA", "foo", 1);
        execl(argv[0], argv[0], "child", (char *)NULL);
        _exit(127);
    }
    CHECK(process > 0 && waitpid(process, &status, 0) == process);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return finish();
}
