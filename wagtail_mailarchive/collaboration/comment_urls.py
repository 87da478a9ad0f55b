"""Routes of comments, included below `comments/` of a message page."""

from django.urls import path

from . import comment_views

urlpatterns = [
    path("", comment_views.write, name="comments"),
    path("<int:comment_id>/", comment_views.show, name="comment"),
    path("<int:comment_id>/edit/", comment_views.change, name="change_comment"),
    path("<int:comment_id>/delete/", comment_views.delete, name="delete_comment"),
    path("<int:comment_id>/decide/", comment_views.decide, name="decide_comment"),
]
