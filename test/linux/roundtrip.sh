# SPDX-License-Identifier: BSD-3-Clause
# What a request and its reply cost. Run by `make bench`, with QEMU counting
# instructions.

check "round trips" limit 600 /test/roundtrip /dev/holdfast/echo 1024
