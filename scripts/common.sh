# Shared by ./run and ./test: installs what is missing, and runs a step with its name and its seconds.

say() { printf 'imbrex: %s\n' "$*"; }

# is_there command|header|python NAME: of python, a module or one of its headers
is_there() {
  case $1 in
    python)
      python3 -c 'import importlib, os, sys, sysconfig
name = sys.argv[1]
found = os.path.exists(os.path.join(sysconfig.get_path("include"), name)) if name.endswith(".h") else importlib.import_module(name)
sys.exit(0 if found else 1)' "$2" 2> /dev/null
      ;;
    command) command -v "$2" > /dev/null ;;
    header) command -v g++ > /dev/null && printf '#include <%s>\n' "$2" | g++ -std=c++20 -x c++ -M - > /dev/null 2>&1 ;;
  esac
}

# install_missing run|test: on Debian as root, installs the packages of packages.txt that are missing; otherwise says what is
# missing and how to install it, and ends with status 1, unless only tests are skipped without it. What only some tests need is
# installed by itself: where there is no such package, everything else is there all the same.
install_missing() {
  local purpose=$1 needed_for package kind name
  local missing=() missing_names=() wanted=() wanted_names=()
  while read -r needed_for package kind name; do
    case $needed_for in
      '' | '#'*) continue ;;
      test | more) [ "$purpose" = test ] || continue ;;
      run) ;;
      *) say "scripts/packages.txt: a line begins with '$needed_for', which is none of run, test, more" >&2; exit 1 ;;
    esac
    is_there "$kind" "$name" && continue
    case $needed_for in
      more) wanted+=("$package") wanted_names+=("$name") ;;
      *) missing+=("$package") missing_names+=("$name") ;;
    esac
  done < scripts/packages.txt
  [ ${#missing[@]} -eq 0 ] && [ ${#wanted[@]} -eq 0 ] && return 0
  if [ "$(id -u)" -eq 0 ] && [ -e /etc/debian_version ] && command -v apt-get > /dev/null; then
    [ ${#missing[@]} -eq 0 ] || step "install ${missing[*]}" apt_get_install "${missing[@]}"
    [ ${#wanted[@]} -eq 0 ] || (step "install ${wanted[*]}" apt_get_install "${wanted[@]}") ||
      say "tests that need ${wanted_names[*]} are skipped"
    return 0
  fi
  [ ${#wanted[@]} -gt 0 ] && say "tests that need ${wanted_names[*]} are skipped (on Debian: ${wanted[*]})"
  [ ${#missing[@]} -eq 0 ] && return 0
  say "missing: ${missing_names[*]}" >&2
  if [ -e /etc/debian_version ]; then
    say "install them with: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  else
    say "install them with this system's package manager; on Debian they are: apt-get install -y ${missing[*]}" >&2
  fi
  exit 1
}

apt_get_install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update && apt-get install -y --no-install-recommends "$@"
}

# step NAME COMMAND...: on a terminal the command's output is seen as it comes, elsewhere only if it fails.
step() {
  local name=$1 log status=0 begin=${EPOCHREALTIME/[.,]/}
  shift
  say "$name ..."
  if [ -t 1 ]; then
    "$@" || status=$?
  else
    log=$(mktemp)
    "$@" > "$log" 2>&1 || { status=$?; cat "$log"; }
    rm -f "$log"
  fi
  local milliseconds=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
  say "$name: $([ $status -eq 0 ] && echo done || echo "failed with status $status") after $((milliseconds / 1000)).$((milliseconds % 1000 / 100)) s"
  [ $status -eq 0 ] || exit "$status"
}

# python_environment FOLDER: a Python environment with the packages of python-packages.txt; fails where there is no Python 3.11 or
# later with its headers, or the packages cannot be had.
python_environment() {
  local folder=$1
  cmp -s scripts/python-packages.txt "$folder/ready" && return 0
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && is_there python Python.h && is_there python ensurepip || return 1
  rm -rf "$folder"
  (step "make $folder" make_python_environment "$folder")
}

make_python_environment() {
  python3 -m venv "$1" && "$1/bin/pip" install --quiet --requirement scripts/python-packages.txt && cp scripts/python-packages.txt "$1/ready"
}

# build PRESET [TARGET...]: configures and builds a preset of CMakePresets.json, with Ninja where there is one. Two that build in one
# folder would each do all of it, one in the way of the other: the second waits.
build() {
  local preset=$1 folder=build-$1
  [ "$preset" = release ] && folder=build
  shift
  if [ -z "${CMAKE_GENERATOR:-}" ] && command -v ninja > /dev/null; then export CMAKE_GENERATOR=Ninja; fi
  mkdir -p "$folder"
  exec 9> "$folder/.lock"
  if command -v flock > /dev/null && ! flock --nonblock 9; then
    say "another ./run or ./test builds in $folder: waiting for it"
    flock 9
  fi
  step "configure $preset" cmake --preset "$preset" 9>&-
  step "build $preset" cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"} 9>&-
  exec 9>&-
}
