"""Addresses of the intranet: sign-in, the admin, the API, the archive's, then Wagtail's pages."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from .api import api_router

urlpatterns = [
    path(
        "sign-in/",
        LoginView.as_view(template_name="intranet/sign_in.html", redirect_authenticated_user=False),
        name="sign_in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("api/v2/", api_router.urls),
    path("mail/", include("wagtail_mailarchive.urls")),
    path("", include("wagtail_mailarchive.mid_urls")),
    path("", include(wagtail_urls)),
]
