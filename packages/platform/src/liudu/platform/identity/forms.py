"""What people fill in about themselves and their organisations."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django import forms

from liudu.contract import Refusal
from liudu.platform.actors import Role
from liudu.platform.city.models import District
from liudu.platform.identity.models import Organisation, User
from liudu.platform.identity.roles import ROLE_HINTS, ROLE_NAMES
from liudu.platform.identity.services import organisations, people, tokens
from liudu.platform.words import both, language

# Which field a refusal is shown beside.
FIELDS: dict[type[Refusal], str] = {
    organisations.NameMissingError: "name",
    organisations.CreditCodeError: "credit_code",
    organisations.CreditCodeTakenError: "credit_code",
    organisations.KindNotOpenError: "kind",
    people.BadEmailError: "email",
    tokens.TokenNameError: "name",
    tokens.TokenPeriodError: "last_date",
    tokens.TokenRoleError: "roles",
}


def refuse(form: forms.BaseForm, refusal: Refusal) -> int:
    """Show a refusal beside its field and return the status of the answer."""
    field = FIELDS.get(type(refusal))
    form.add_error(field if field in form.fields else None, refusal.say(language()))
    return getattr(refusal, "status", 422)


def role_choices(roles: Iterable[Role]) -> list[tuple[str, Any]]:
    """Return roles as choices that say what each may do; everybody is a member anyway."""
    return [
        (role.value, both(*_with_hint(role)))
        for role in Role
        if role in set(roles) and role != Role.MEMBER
    ]


def _with_hint(role: Role) -> tuple[str, str]:
    name, hint = ROLE_NAMES[role], ROLE_HINTS[role]
    return f"{name.zh}：{hint.zh}", f"{name.en}: {hint.en}"


class ProfileForm(forms.ModelForm[User]):
    """How a person is called, and in which language they are answered."""

    class Meta:
        model = User
        fields = ("name", "language")
        labels = {"name": both("姓名", "Name"), "language": both("界面语言", "Language")}  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.fields["language"].widget = forms.RadioSelect(
            choices=[("zh", "简体中文"), ("en", "English")]
        )


class OrganisationForm(forms.Form):
    """What an organisation tells of itself."""

    name = forms.CharField(
        label=both("单位名称", "Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    name_en = forms.CharField(
        label=both("英文名称", "Name in English"), max_length=160, required=False
    )
    credit_code = forms.CharField(
        label=both("统一社会信用代码", "Unified social credit code"),
        max_length=40,
        required=False,
        help_text=both("营业执照上的 18 位代码。", "The 18 characters on the licence."),
    )
    district = forms.ModelChoiceField(
        label=both("所在区市", "District"), queryset=District.objects.all(), required=False
    )


class FoundForm(OrganisationForm):
    """A new organisation."""

    kind = forms.ChoiceField(label=both("单位类型", "Kind"), widget=forms.RadioSelect)
    field_order = ("kind", "name", "name_en", "credit_code", "district")

    def __init__(self, *args: Any, kinds: Iterable[str], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        allowed = set(kinds)
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            choice for choice in Organisation.Kind.choices if choice[0] in allowed
        ]


class RolesForm(forms.Form):
    """The roles of one member."""

    roles = forms.MultipleChoiceField(
        label=both("角色", "Roles"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, roles: Iterable[Role], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = role_choices(roles)  # type: ignore[attr-defined]

    @property
    def chosen(self) -> list[Role]:
        """The roles that were ticked."""
        return [Role(role) for role in self.cleaned_data["roles"]]


class InviteForm(RolesForm):
    """A letter to somebody who shall join."""

    email = forms.EmailField(
        label=both("邮箱", "E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    field_order = ("email", "roles")


class TokenForm(RolesForm):
    """A new token."""

    name = forms.CharField(
        label=both("用途", "What uses it"),
        max_length=80,
        help_text=both("例如：ERP 同步", "For instance: ERP sync"),
    )
    last_date = forms.DateField(
        label=both("有效期至", "Valid to the end of"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    field_order = ("name", "roles", "last_date")

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.fields["last_date"].initial = today + timedelta(days=90)
