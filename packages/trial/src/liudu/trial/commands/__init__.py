"""The commands of ``liudu-trial``, one file each; every file has a ``command``."""
