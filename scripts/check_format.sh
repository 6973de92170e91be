#!/usr/bin/env bash
# Names the C++ files that clang-format 14 would change; --fix rewrites them. Looks at what git tracks and at what
# is new but not ignored.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

listing=$(git ls-files --cached --others --exclude-standard -- '*.h' '*.cpp')
files=()
while IFS= read -r file; do
  if [[ -f $file ]]; then files+=("$file"); fi
done <<<"$listing"
if ((${#files[@]} == 0)); then
  echo "check_format: no C++ files found" >&2
  exit 1
fi

if [[ ${1:-} == --fix ]]; then
  clang-format-14 -i "${files[@]}"
  exit 0
fi

# One process a file, so that the file is named once however many places differ.
# shellcheck disable=SC2016  # the inner shell expands it
unformatted=$(printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c \
  'clang-format-14 --dry-run -Werror "$1" >/dev/null 2>&1 || printf "%s\n" "$1"' _ | sort)
if [[ -n $unformatted ]]; then
  printf '%s\n' "$unformatted"
  printf "not in the project's format: %d of %d files; ./dev format rewrites them\n" \
    "$(wc -l <<<"$unformatted")" "${#files[@]}"
  exit 1
fi
printf '%d files in format\n' "${#files[@]}"
