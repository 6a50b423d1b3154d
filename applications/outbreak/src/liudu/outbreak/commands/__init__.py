"""The commands of ``liudu-outbreak``, one file each; every file has a ``command``."""
