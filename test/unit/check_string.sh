#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Checks that no compiler turned a loop of src/string.c into a call of memcpy,
# memset or the like, which would call itself without an end.
# Usage: check_string.sh DIRECTORY-FOR-OBJECTS

set -u
out=${1:-build/unit}
flags="-std=c11 -ffreestanding -mgeneral-regs-only -iquote inc"
status=0
mkdir -p "$out"

# check NAME COMPILER...
check() {
	name=$1
	shift
	if ! command -v "$1" >/dev/null; then
		echo "skip string.calls_itself.$name: no $1"
		return
	fi
	for level in -Os -O2 -O3; do
		object=$out/string-$name$level.o
		# shellcheck disable=SC2086 # the flags are words
		if ! "$@" $flags $level -c src/string.c -o "$object"; then
			echo "not ok string.calls_itself.$name$level: compiler"
			status=1
			continue
		fi
		calls=$(aarch64-linux-gnu-objdump -r "$object" |
			awk '/R_AARCH64_(CALL|JUMP)26/ && $3 !~ /\.text/')
		if [ -n "$calls" ]; then
			echo "not ok string.calls_itself.$name$level: $calls"
			status=1
		else
			echo "ok string.calls_itself.$name$level"
		fi
	done
}

check gcc aarch64-linux-gnu-gcc
check clang clang --target=aarch64-linux-gnu
exit $status
