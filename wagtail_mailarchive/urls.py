"""Addresses outside the page tree; a site includes them before Wagtail's own.

path("mail/", include("wagtail_mailarchive.urls")),
"""

from django.urls import path

from .collaboration import following_views, tagging, trashing
from .reading import feeds, saved_searches, search_page
from .reading.inline_images import inline_image

app_name = "wagtail_mailarchive"
urlpatterns = [
    path("follow/", following_views.follow, name="follow"),
    path("following/", following_views.following, name="following"),
    path("following/<int:pk>/stop/", following_views.stop, name="stop_following"),
    # Short: mailers break what is long, and then one click does nothing.
    path("u/<slug:token>/", following_views.unfollow, name="unfollow"),
    path("inline/<str:token>/", inline_image, name="inline_image"),
    path("tags/", tagging.tag, name="tag"),
    path("trash/", trashing.to_trash, name="trash"),
    path("search/", search_page.search, name="search"),
    path("search/feed/", feeds.search_feed, name="search_feed"),
    path("search/saved/", saved_searches.save, name="save_search"),
    path("search/saved/<int:pk>/", saved_searches.change, name="change_saved_search"),
]
