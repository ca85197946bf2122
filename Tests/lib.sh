# What Tests/run needs besides the toolchain, and how it counts results. Source this file in bash; do not run it.

# Programs that the acceptance tests use, as command:Debian package: standard tools, then clients and other registries.
readonly TEST_PROGRAMS=(
    curl:curl openssl:openssl htpasswd:apache2-utils python3:python3
    docker:docker.io dockerd:docker.io containerd:containerd ctr:containerd runc:runc skopeo:skopeo buildah:buildah podman:podman
    docker-registry:docker-registry promtool:prometheus
)
# Programs that Tests/Benchmarks/run uses.
readonly BENCHMARK_PROGRAMS=(nginx:nginx-light haproxy:haproxy wrk:wrk curl:curl openssl:openssl python3:python3)

# pytest runs the acceptance tests. moto is an ECR API written independently of Berth. boto3 calls moto and the emulator. docker and oras are
# clients.
readonly PYTHON_PACKAGES=("moto[server]==5.2.*" boto3 "pytest>=8" "docker==7.*" "oras==0.2.*")
readonly PYTHON_IMPORTS="import moto.server, boto3, pytest, docker, oras.client"

# missing_programs COMMAND:PACKAGE...: prints the packages of the commands that are not on PATH.
missing_programs() {
    local program
    for program in "$@"; do
        command -v "${program%%:*}" >/dev/null || echo "${program##*:}"
    done | sort -u
}

# install_programs COMMAND:PACKAGE...: installs the packages of the commands that are not on PATH.
install_programs() {
    local missing
    PATH=$PATH:/usr/sbin:/sbin
    mapfile -t missing < <(missing_programs "$@")
    [[ ${#missing[@]} -eq 0 ]] || apt_install "${missing[@]}"
}

# python_for_tests BUILD: prints the path of a Python that has all imports of the tests: that of the virtual environment under BUILD, else the
# system's if it has them, else a new virtual environment under BUILD.
python_for_tests() {
    local own="$1/python/bin/python3"
    local candidate
    for candidate in "$own" python3; do
        if "$candidate" -W ignore -c "$PYTHON_IMPORTS" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    install_programs python3:python3 || return 1
    if ! python3 -m venv "$1/python" >/dev/null 2>&1; then
        # In Debian, venv is a separate package.
        apt_install python3-venv && python3 -m venv --clear "$1/python" >&2 || return 1
    fi
    say "installing with pip: ${PYTHON_PACKAGES[*]}"
    "$own" -m pip install --quiet "${PYTHON_PACKAGES[@]}" >&2 </dev/null || return 1
    echo "$own"
}

passed=0 failed=0 skipped=0

# step NAME COMMAND...: runs the command with its output in $logs/NAME.log. On failure, prints the end of the log.
step() {
    local name=$1 started=$SECONDS
    shift
    if "$@" >"$logs/$name.log" 2>&1 </dev/null; then
        say "ok      $name ($((SECONDS - started)) s)"
        return 0
    fi
    say "FAILED  $name ($((SECONDS - started)) s), see $logs/$name.log. Its last lines:"
    tail -n "${BERTH_TEST_TAIL:-60}" "$logs/$name.log" >&2
    return 1
}

# check NAME COMMAND...: a step that counts as one test.
check() {
    if step "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); return 1; fi
}

# suite NAME JUNIT_XML COMMAND...: a step that reports its tests in a JUnit file. If the command fails without reporting a failure, that counts
# as one failure, so that a crash does not look like success.
suite() {
    local name=$1 report=$2 status=0 tests failures errors skips
    shift 2
    rm -f "$report"
    step "$name" "$@" || status=1
    read -r tests failures errors skips < <(junit_totals "$report")
    local bad=$((failures + errors))
    [[ $status -eq 0 || $bad -gt 0 ]] || { bad=1 tests=$((tests + 1)); }
    say "        $name: $((tests - bad - skips)) passed, $bad failed, $skips skipped"
    passed=$((passed + tests - bad - skips)) failed=$((failed + bad)) skipped=$((skipped + skips))
    [[ $bad -eq 0 ]]
}

# junit_totals FILE: prints the numbers of tests, failures, errors and skipped tests over all suites; zeros if there is no file.
junit_totals() {
    local key
    for key in tests failures errors skipped; do
        { grep -o "<testsuite [^>]*" "$1" 2>/dev/null || true; } |
            sed -n "s/.* $key=\"\([0-9]*\)\".*/\1/p" | awk '{ sum += $1 } END { printf "%d ", sum }'
    done
    echo
}
