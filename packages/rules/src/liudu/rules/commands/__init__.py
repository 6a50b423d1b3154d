"""The commands of ``liudu-rules``, one module each."""
