"""``python -m liudu.sandbox threat-table``: what each level blocks on this machine."""

import sys

from liudu.sandbox._threats import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
