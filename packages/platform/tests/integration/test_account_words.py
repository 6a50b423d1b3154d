"""What Django and allauth say in Chinese is said in the words of this product."""

import gettext
import html
import re
from pathlib import Path

import allauth
import django
import pytest
from django import forms
from django.core import mail
from django.urls import reverse
from django.utils import translation

import liudu.platform

pytestmark = pytest.mark.django_db

LOCALE = Path(liudu.platform.settings.__file__).parent / "locale/zh_Hans/LC_MESSAGES"
THEIRS = (
    Path(django.__file__).parent / "conf",
    Path(django.__file__).parent / "contrib/auth",
    Path(allauth.__file__).parent,
)
# Django asks for this one by another name than its own catalogue has.
ASKED_OTHERWISE = {"This password is too short. It must contain at least %d character."}
NAME = re.compile(r"%\(\w+\)s|%\(\w+\)d|%d")


def catalog(path):
    with path.open("rb") as file:
        read = gettext.GNUTranslations(file)._catalog
    return {
        key if isinstance(key, str) else key[0]: text for key, text in read.items() if key != ""
    }


def written():
    """Return what the readable catalogue says, as far as it says it in one piece."""
    text = (LOCALE / "django.po").read_text(encoding="utf-8")
    pairs = re.findall(
        r'^msgid "(.+)"\n(?:msgid_plural .*\n)?msgstr(?:\[0\])? "(.*)"$', text, re.MULTILINE
    )
    plain = [(key.replace(r"\n", "\n").replace(r"\"", '"')) for key, _ in pairs]
    said = [(one.replace(r"\n", "\n").replace(r"\"", '"')) for _, one in pairs]
    return dict(zip(plain, said, strict=True))


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", "", html.unescape(answer.content.decode())).split())


def test_the_catalogue_that_is_read_is_the_one_that_is_written():
    assert written()
    assert catalog(LOCALE / "django.mo") == written()


def test_every_sentence_is_still_one_that_somebody_says():
    known = ASKED_OTHERWISE.union(
        *(catalog(one / "locale/zh_Hans/LC_MESSAGES/django.mo") for one in THEIRS)
    )
    assert set(written()) - known == set()


def test_every_sentence_keeps_the_facts_of_the_original():
    lost = {
        key: said
        for key, said in written().items()
        if not set(NAME.findall(said)) <= set(NAME.findall(key))
    }
    assert lost == {}


def test_a_text_with_nul_and_a_text_that_is_too_long_are_told_so():
    with translation.override("zh-hans"):
        for typed, said in (("a\x00b", "空字符（NUL）"), ("甲" * 9, "最多 5 个字，现在有 9 个")):
            with pytest.raises(forms.ValidationError) as caught:
                forms.CharField(max_length=5).clean(typed)
            assert said in " ".join(caught.value.messages)


def test_the_sign_up_page_speaks_like_the_rest(client):
    said = text_of(client.get(reverse("account_signup")))
    assert "已有账号？请登录。" in said
    assert "你的密码" not in said
    assert "至少 10 个字符" in said


def test_a_short_password_is_refused_in_chinese(client):
    answers = {"email": "li@example.com", "password1": "ab1!", "password2": "ab1!"}
    said = text_of(client.post(reverse("account_signup"), answers))
    assert "密码太短，至少要 10 个字符。" in said
    assert "too short" not in said


@pytest.mark.parametrize(
    ("language", "hello", "other"), [("zh-hans", "您好：", "Hello"), ("en", "Hello,", "您好")]
)
def test_the_first_letter_is_in_one_language_and_names_the_product(client, language, hello, other):
    typed = "six-degrees-1"
    answers = {"email": f"{language}@example.com", "password1": typed, "password2": typed}
    client.post(reverse("account_signup"), answers, headers={"accept-language": language})
    (letter,) = mail.outbox
    assert letter.body.startswith(hello)
    assert other not in letter.body
    assert "http://testserver/accounts/confirm-email/" in letter.body
    assert ("六度" if language == "zh-hans" else "Liudu") in letter.body
