# What the scripts that test what is installed share, to be sourced: they have a folder $work.
passed=0
failed=0

# Run a command silently; count it, and show what it said where it failed.
attempt() {
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok    $name"
        passed=$((passed + 1))
    else
        echo "FAIL  $name (status $?)"
        sed 's/^/      /' "$work/log"
        failed=$((failed + 1))
    fi
}
