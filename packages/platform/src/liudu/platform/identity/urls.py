"""The doors of this context."""

from django.urls import path

from liudu.platform.identity.pages import invitations, me, members, organisations, tokens, users

app_name = "identity"
ONE = "organisations/<slug:key>/"
urlpatterns = [
    path("me/", me.show, name="me"),
    path("me/organisation/", me.choose, name="choose"),
    path("users/", users.show_list, name="users"),
    path("users/<slug:user_key>/", users.show, name="user"),
    path("users/<slug:user_key>/deactivate/", users.deactivate, name="deactivate_user"),
    path("users/<slug:user_key>/activate/", users.activate, name="activate_user"),
    path("users/<slug:user_key>/factors/", users.clear_factors, name="clear_factors"),
    path("organisations/", organisations.show_list, name="organisations"),
    path("organisations/new/", organisations.found, name="found"),
    path(ONE, organisations.show, name="organisation"),
    path(f"{ONE}edit/", organisations.edit, name="edit_organisation"),
    path(f"{ONE}confirm/", organisations.confirm, name="confirm_credit_code"),
    path(f"{ONE}leave/", members.leave, name="leave"),
    path(f"{ONE}members/", members.show, name="members"),
    path(f"{ONE}members/<slug:user_key>/", members.change, name="set_roles"),
    path(f"{ONE}members/<slug:user_key>/remove/", members.remove, name="remove_member"),
    path(f"{ONE}invitations/", members.invite, name="invite"),
    path(
        f"{ONE}invitations/<slug:invitation_key>/withdraw/",
        members.withdraw,
        name="withdraw_invitation",
    ),
    path(
        f"{ONE}invitations/<slug:invitation_key>/renew/",
        members.renew,
        name="renew_invitation",
    ),
    path(f"{ONE}tokens/", tokens.show, name="tokens"),
    path(f"{ONE}tokens/<slug:token_key>/revoke/", tokens.revoke, name="revoke_token"),
    path("invitations/<str:token>/", invitations.answer, name="invitation"),
]
