"""The Bot API's types as they are published, as far as they come with a message: facts, no code.

One line a type: its fields and their types. A type that is not listed is any object. What starts
with "~" is an array. Fields of older servers, and one that nobody knows yet, are at the ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TYPES = {
    "User": (
        "id:Integer is_bot:Boolean first_name:String last_name:String username:String "
        "language_code:String is_premium:True added_to_attachment_menu:True "
        "can_join_groups:Boolean can_read_all_group_messages:Boolean "
        "supports_inline_queries:Boolean can_connect_to_business:Boolean "
        "has_main_web_app:Boolean has_topics_enabled:Boolean unknown_yet:Object"
    ),
    "Chat": (
        "id:Integer type:String title:String username:String first_name:String last_name:String "
        "is_forum:True is_direct_messages:True all_members_are_administrators:Boolean "
        "unknown_yet:Object"
    ),
    "MessageEntity": (
        "type:String offset:Integer length:Integer url:String user:User language:String "
        "custom_emoji_id:String unix_time:Integer date_time_format:String unknown_yet:Object"
    ),
    "Message": (
        "message_id:Integer message_thread_id:Integer direct_messages_topic:DirectMessagesTopic "
        "from:User sender_chat:Chat sender_boost_count:Integer sender_business_bot:User "
        "date:Integer business_connection_id:String chat:Chat forward_origin:MessageOrigin "
        "is_topic_message:True is_automatic_forward:True reply_to_message:Message "
        "external_reply:ExternalReplyInfo quote:TextQuote reply_to_story:Story "
        "reply_to_checklist_task_id:Integer via_bot:User edit_date:Integer "
        "has_protected_content:True is_from_offline:True is_paid_post:True "
        "media_group_id:String author_signature:String paid_star_count:Integer text:String "
        "entities:~MessageEntity link_preview_options:LinkPreviewOptions "
        "suggested_post_info:SuggestedPostInfo effect_id:String animation:Animation audio:Audio "
        "document:Document paid_media:PaidMediaInfo photo:~PhotoSize sticker:Sticker story:Story "
        "video:Video video_note:VideoNote voice:Voice caption:String "
        "caption_entities:~MessageEntity show_caption_above_media:True has_media_spoiler:True "
        "checklist:Checklist contact:Contact dice:Dice game:Game poll:Poll venue:Venue "
        "location:Location new_chat_members:~User left_chat_member:User "
        "chat_owner_left:ChatOwnerLeft chat_owner_changed:ChatOwnerChanged "
        "new_chat_title:String new_chat_photo:~PhotoSize delete_chat_photo:True "
        "group_chat_created:True supergroup_chat_created:True channel_chat_created:True "
        "message_auto_delete_timer_changed:MessageAutoDeleteTimerChanged "
        "migrate_to_chat_id:Integer migrate_from_chat_id:Integer "
        "pinned_message:MaybeInaccessibleMessage invoice:Invoice "
        "successful_payment:SuccessfulPayment refunded_payment:RefundedPayment "
        "users_shared:UsersShared chat_shared:ChatShared gift:GiftInfo "
        "unique_gift:UniqueGiftInfo gift_upgrade_sent:GiftInfo connected_website:String "
        "write_access_allowed:WriteAccessAllowed passport_data:PassportData "
        "proximity_alert_triggered:ProximityAlertTriggered boost_added:ChatBoostAdded "
        "chat_background_set:ChatBackground chat_background:ChatBackground "
        "checklist_tasks_done:ChecklistTasksDone checklist_tasks_added:ChecklistTasksAdded "
        "direct_message_price_changed:DirectMessagePriceChanged "
        "forum_topic_created:ForumTopicCreated forum_topic_edited:ForumTopicEdited "
        "forum_topic_closed:Object forum_topic_reopened:Object "
        "general_forum_topic_hidden:Object general_forum_topic_unhidden:Object "
        "giveaway_created:GiveawayCreated giveaway:Giveaway giveaway_winners:GiveawayWinners "
        "giveaway_completed:GiveawayCompleted paid_message_price_changed:Object "
        "suggested_post_approved:SuggestedPostApproved suggested_post_declined:Object "
        "suggested_post_approval_failed:Object suggested_post_paid:Object "
        "suggested_post_refunded:Object video_chat_scheduled:VideoChatScheduled "
        "video_chat_started:Object video_chat_ended:VideoChatEnded "
        "video_chat_participants_invited:VideoChatParticipantsInvited web_app_data:WebAppData "
        "reply_markup:InlineKeyboardMarkup rich_message:RichMessage "
        "forward_from:User forward_from_chat:Chat forward_from_message_id:Integer "
        "forward_signature:String forward_sender_name:String forward_date:Integer "
        "user_shared:Object voice_chat_started:Object new_chat_member:User unknown_yet:Object"
    ),
    "CallbackQuery": (
        "id:String from:User message:Message inline_message_id:String chat_instance:String "
        "data:String game_short_name:String unknown_yet:Object"
    ),
    "InlineKeyboardMarkup": "inline_keyboard:~Row unknown_yet:Object",
    "MessageOrigin": "type:String date:Integer sender_user:User sender_user_name:String",
    "ExternalReplyInfo": "origin:MessageOrigin chat:Chat message_id:Integer poll:Poll",
    "TextQuote": "text:String entities:~MessageEntity position:Integer is_manual:True",
    "ReplyParameters": "message_id:Integer chat_id:Integer quote:String quote_position:Integer",
    "PhotoSize": "file_id:String file_unique_id:String width:Integer height:Integer",
    "Poll": (
        "id:String question:String question_entities:~MessageEntity options:~PollOption "
        "total_voter_count:Integer is_closed:Boolean is_anonymous:Boolean type:String "
        "allows_multiple_answers:Boolean correct_option_id:Integer explanation:String "
        "open_period:Integer close_date:Integer"
    ),
    "PollOption": "text:String voter_count:Integer persistent_id:String",
    "ChatBackground": "type:BackgroundType",
    "BackgroundType": "type:String fill:BackgroundFill dark_theme_dimming:Integer",
    "BackgroundFill": "type:String color:Integer top_color:Integer rotation_angle:Integer",
    "PassportData": "data:~EncryptedPassportElement credentials:EncryptedCredentials",
    "EncryptedPassportElement": "type:String data:String phone_number:String hash:String",
    "EncryptedCredentials": "data:String hash:String secret:String",
    "ForumTopicCreated": "name:String icon_color:Integer icon_custom_emoji_id:String",
    "RichMessage": "blocks:~RichBlock is_rtl:True",
    "RichBlock": "type:String text:RichText caption:RichText blocks:~Object items:~Object",
    "RichText": "type:String text:RichText url:String",
    "VideoChatParticipantsInvited": "users:~User",
    "SuccessfulPayment": "currency:String total_amount:Integer invoice_payload:String",
}

#: What is no value of any field, or is one of another type.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 7, 2**63, 2**70, 1.5, "", "x", [], {}, [[]], [None], [{}]),
    *({"id": "x"}, {"type": 5}, {"text": {"type": "bold", "text": "x"}}, [{"type": "new_one"}]),
)


def fields(kind: str) -> dict[str, str]:
    """A type's fields, and their types."""
    return dict(field.split(":") for field in TYPES.get(kind, "").split())


def example(kind: str, depth: int = 4) -> Any:
    """A value of a type, with all of its fields, so many objects deep."""
    simple = {"Integer": 7, "String": "x", "Boolean": True, "True": True, "Row": []}
    if kind in simple:
        return simple[kind]
    if kind.startswith("~"):
        return [example(kind[1:], depth)]
    if depth == 0:
        return {}
    return {name: example(each, depth - 1) for name, each in fields(kind).items()}


def changed(kind: str, whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object with each field of its type absent, as published, and of any other type."""
    for name, each in fields(kind).items():
        yield name, {key: value for key, value in whole.items() if key != name}
        for value in (example(each), *ODD):
            yield name, {**whole, name: value}
