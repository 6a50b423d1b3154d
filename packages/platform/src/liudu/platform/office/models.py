"""What people keep for themselves: saved views of lists."""

from typing import ClassVar

from django.db import models

from liudu.platform.keys import new_key


class SavedView(models.Model):
    """A list with its filters and search under a name."""

    key = models.CharField(max_length=12, unique=True, default=new_key, editable=False)
    user = models.ForeignKey("identity.User", models.CASCADE, related_name="views")
    page = models.CharField(max_length=40)  # the route's name
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000, blank=True)
    shared = models.BooleanField(default=False)  # with the whole organisation
    organisation = models.ForeignKey("identity.Organisation", models.CASCADE)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "page", "name"], name="office_one_view_name")
        ]

    def __str__(self) -> str:
        return self.name
