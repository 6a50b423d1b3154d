"""Forms of this context: labels in both languages, limits as the database has them."""

from typing import Any, ClassVar

from django import forms

from liudu.contract import Refusal
from liudu.platform.city.models import Sector
from liudu.platform.supply.decisions import website_of
from liudu.platform.supply.models import Invitation, Offer, Solution, Vendor
from liudu.platform.words import both

TEXT_CHARACTERS_MAX = 4000


class LongText(forms.CharField):
    """Several lines of text, up to a limit."""

    def __init__(self, *, rows: int = 4, **more: Any) -> None:  # noqa: ANN401 - Django's own
        more.setdefault("max_length", TEXT_CHARACTERS_MAX)
        super().__init__(widget=forms.Textarea(attrs={"rows": rows}), **more)


class ProfileForm(forms.ModelForm[Vendor]):
    """What a vendor tells of itself."""

    about = LongText(
        label=both("简介（中文）", "About, in Chinese"),
        help_text=both("做什么、擅长什么、做过哪些项目。", "What you do, and what you have done."),
        required=False,
    )
    about_en = LongText(label=both("简介（英文）", "About, in English"), required=False)
    website = forms.CharField(
        label=both("网址", "Website"),
        required=False,
        max_length=200,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )
    founded_year = forms.IntegerField(
        label=both("成立年份", "Founded in"), required=False, min_value=1800, max_value=2100
    )
    people_count = forms.IntegerField(
        label=both("人数", "People"), required=False, min_value=1, max_value=5_000_000
    )
    sectors = forms.ModelMultipleChoiceField(
        label=both("服务的行业", "Sectors"),
        queryset=Sector.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Vendor
        fields: ClassVar = [
            "about",
            "about_en",
            "website",
            "founded_year",
            "people_count",
            "sectors",
        ]

    def clean_website(self) -> str:
        """Take addresses of the web only."""
        try:
            return website_of(self.cleaned_data["website"])
        except Refusal as refusal:
            raise forms.ValidationError(both(refusal.say("zh"), refusal.say("en"))) from refusal


class SolutionForm(forms.ModelForm[Solution]):
    """A solution in words."""

    name = forms.CharField(label=both("名称（中文）", "Name, in Chinese"), max_length=120)
    name_en = forms.CharField(
        label=both("名称（英文）", "Name, in English"), max_length=200, required=False
    )
    about = LongText(
        label=both("说明（中文）", "About, in Chinese"),
        help_text=both(
            "解决什么问题、需要什么数据、怎样部署。", "What it solves, needs and how it runs."
        ),
        required=False,
    )
    about_en = LongText(label=both("说明（英文）", "About, in English"), required=False)
    sector = forms.ModelChoiceField(
        label=both("行业", "Sector"),
        queryset=Sector.objects.all(),
        required=False,
        empty_label=both("不限行业", "Any sector"),
    )
    public = forms.BooleanField(
        label=both("公开展示", "Show to everybody"),
        help_text=both(
            "取消后只有本单位和场景办能看到；已提交给需求的版本不受影响。",
            "Otherwise only you and the bureau see it; offers that were made stay.",
        ),
        required=False,
        initial=True,
    )

    class Meta:
        model = Solution
        fields: ClassVar = ["name", "name_en", "about", "about_en", "sector", "public"]


class OfferForm(forms.ModelForm[Offer]):
    """Which version, and a word to the owner."""

    version = forms.ChoiceField(label=both("版本", "Version"), widget=forms.RadioSelect)
    note = LongText(
        label=both("给需求方的话", "A word to the owner"),
        help_text=both("为什么适合、需要哪些条件。", "Why it fits, and what it needs."),
        required=False,
    )

    class Meta:
        model = Offer
        fields: ClassVar = ["note"]

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **more: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **more)
        self.fields["version"].choices = choices  # type: ignore[attr-defined]


class InviteForm(forms.ModelForm[Invitation]):
    """Whom to ask, and why."""

    vendor = forms.CharField(max_length=12, widget=forms.HiddenInput)
    message = LongText(label=both("留言", "Message"), rows=2, required=False)

    class Meta:
        model = Invitation
        fields: ClassVar = ["message"]
