"""What a web server serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "liudu.platform.settings")
application = get_wsgi_application()
# What is loaded by now stays: without this a full collection walks through all of it, 100 ms long.
gc.collect()
gc.freeze()
