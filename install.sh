#!/bin/sh
# Installs a released `pipe`: curl -fsSL ADDRESS/install.sh | sh
#
#   PIPE_VERSION      which release, such as 0.2.0
#   PIPE_INSTALL_DIR  where to, instead of ~/.local/bin
#   PIPE_RELEASES     where the releases are: an address, below which lies vVERSION/pipe-VERSION-TARGET.tar.gz
#   PIPE_BUILT_BY     OWNER/REPOSITORY: refuse what that repository's release workflow has not built (asks `gh`)
#
# A release carries a copy of this file that knows its own version and address. The exit code is 4 where there is no such
# release, and 1 where anything else is wrong; then nothing is left behind.
set -eu

main() {
    version=${PIPE_VERSION:-@VERSION@}
    releases=${PIPE_RELEASES:-@RELEASES@}
    dir=${PIPE_INSTALL_DIR:-${HOME:?}/.local/bin}
    case $version in @*@) die "this copy of install.sh belongs to no release; name one in PIPE_VERSION" ;; esac
    case $releases in @*@) die "this copy of install.sh belongs to no release; set PIPE_RELEASES to where releases are" ;; esac
    version=${version#v}
    case $version in
        *[!0-9A-Za-z.+-]* | [!0-9]*) die "\`$version\` is not a version; PIPE_VERSION takes one such as 0.2.0" ;;
    esac

    name=pipe-$version-$(target)
    staged='' made=''
    tmp=$(mktemp -d)
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    download "$releases/v$version/$name.tar.gz" "$tmp/archive"
    download "$releases/v$version/$name.tar.gz.sha256" "$tmp/expected"
    check "$tmp/archive" "$tmp/expected"
    # Only the program, and as the user who runs this.
    tar -xzof "$tmp/archive" -C "$tmp" "$name/pipe" || die "the archive of $name has no program in it"

    make_dir "$dir"
    [ ! -d "$dir/pipe" ] || die "$dir/pipe is a folder"
    # In the same folder, so that the program is there whole or not at all.
    staged=$(mktemp "$dir/.pipe.XXXXXX")
    cp "$tmp/$name/pipe" "$staged"
    chmod 755 "$staged"
    "$staged" --version >/dev/null || die "the program of $name does not run on this machine"
    mv -f "$staged" "$dir/pipe"
    staged='' made=''
    say "installed pipe $version as $dir/pipe"
    case :$PATH: in
        *:"$dir":*) ;;
        *) say "$dir is not on your PATH; this line in your shell's profile puts it there:
    export PATH=\"$dir:\$PATH\"" ;;
    esac
}

# The platform in the names of the archives.
target() {
    case $(uname -s)-$(uname -m) in
        Linux-x86_64) echo x86_64-unknown-linux-gnu ;;
        Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-gnu ;;
        Darwin-x86_64) echo x86_64-apple-darwin ;;
        Darwin-arm64) echo aarch64-apple-darwin ;;
        *) die "there is no released \`pipe\` for $(uname -s) on $(uname -m), only for Linux and macOS on x86_64 and arm64;
with a Rust toolchain: cargo install --locked pipe-runner" ;;
    esac
}

download() {
    # What stands before an `@` there is a user name, and the machine comes after it: `http://127.0.0.1:80@elsewhere/`.
    machine=${1#*://}
    case ${machine%%/*} in
        *@*) die "\`$1\` is not fetched: the address of the releases has no user name in it" ;;
    esac
    case $1 in
        https://* | file://* | http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
        *) die "\`$1\` is not fetched: releases come by https" ;;
    esac
    if command -v curl >/dev/null; then
        curl -fsSL --retry 2 --proto-redir =https -o "$2" "$1" 2>"$tmp/said" && return
    elif command -v wget >/dev/null; then
        wget -t 2 -O "$2" "$1" 2>"$tmp/said" && return
    else
        die "curl or wget is needed, and neither is here"
    fi
    # As curl and wget say it of a server, and curl of a folder.
    if grep -Eq ' 404([: ]|$)|\(37\)' "$tmp/said"; then
        [ "$2" = "$tmp/archive" ] || die "the release has no checksum at $1, and so nothing is installed"
        say "there is no $1"
        exit 4
    fi
    die "cannot download $1:
$(tail -n 3 "$tmp/said")"
}

# Whether the archive is what the release says, and, if asked for, where it comes from.
check() {
    expected=$(cut -d ' ' -f 1 <"$2")
    if command -v sha256sum >/dev/null; then
        found=$(sha256sum <"$1")
    elif command -v shasum >/dev/null; then
        found=$(shasum -a 256 <"$1")
    else
        die "sha256sum or shasum is needed, and neither is here"
    fi
    found=${found%% *}
    [ "$found" = "$expected" ] || die "the checksum of $name is wrong, and so nothing is installed:
  expected $expected
  found    $found"
    [ -n "${PIPE_BUILT_BY-}" ] || return 0
    gh attestation verify "$1" --repo "$PIPE_BUILT_BY" \
        --signer-workflow "$PIPE_BUILT_BY/.github/workflows/release.yml" >"$tmp/said" 2>&1 ||
        die "it cannot be shown that $PIPE_BUILT_BY has built $name, and so nothing is installed:
$(cat "$tmp/said")"
}

# Makes a folder and those above it, and remembers them.
make_dir() {
    [ -d "$1" ] && return
    make_dir "$(dirname "$1")"
    mkdir "$1" && made="$1
$made"
}

clean_up() {
    rm -rf "$tmp"
    [ -z "$staged" ] || rm -f "$staged"
    printf %s "$made" | while IFS= read -r folder; do rmdir "$folder" || :; done
}

say() { printf '%s\n' "$*" >&2; }

die() {
    say "install.sh: $*"
    exit 1
}

# The last line: a copy that is cut off on its way does nothing.
main
