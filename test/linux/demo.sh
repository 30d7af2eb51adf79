# SPDX-License-Identifier: BSD-3-Clause
# What `make run` shows: the secondary VM "echo" answers.

echo "# echo hello > /dev/holdfast/echo; cat /dev/holdfast/echo"
echo hello >/dev/holdfast/echo
answer=$(limit 20 cat /dev/holdfast/echo)
echo "$answer"
equal "the answer of echo" "$answer" hello
