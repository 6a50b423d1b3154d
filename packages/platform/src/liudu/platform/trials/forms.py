"""Forms of this context."""

from django import forms

from liudu.contract import Refusal
from liudu.platform.words import both, language


class SealForm(forms.Form):
    """The owner's data, to be sealed."""

    archive = forms.FileField(
        label=both("数据压缩包（zip）", "Data as a zip"),
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"}),
    )
    encoding = forms.ChoiceField(
        label=both("labels.csv 的编码", "Encoding of labels.csv"),
        required=False,
        choices=[
            ("", "UTF-8"),
            ("gb18030", both("GB18030 / GBK（中文版 Excel 直接另存的 CSV）", "GB18030 / GBK")),
        ],
    )
    simulated = forms.BooleanField(
        label=both("这是模拟数据", "These are simulated data"), required=False
    )

    def refuse(self, refusal: Refusal) -> None:
        """Show a refusal beside the file."""
        self.add_error("archive", refusal.say(language()))
