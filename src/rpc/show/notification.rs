//! What shoppers are told of promotions, as messages.

use crate::{
    domain::promotion::notification::{Location, Notice, Notification, NotificationType},
    rpc::pb,
};

/// A notification with its placeholders.
#[must_use]
pub fn notification(notification: &Notification) -> pb::PromotionNotification {
    let kind = match notification.kind {
        NotificationType::Upsell => pb::PromotionNotificationType::Upsell,
        NotificationType::Eligible => pb::PromotionNotificationType::Eligible,
        NotificationType::Applied => pb::PromotionNotificationType::Applied,
    };
    pb::PromotionNotification {
        r#type: kind.into(),
        content: notification.content.clone(),
        locations: notification
            .locations
            .iter()
            .map(|place| location(*place).into())
            .collect(),
    }
}

const fn location(place: Location) -> pb::PromotionNotificationLocation {
    match place {
        Location::HomePage => pb::PromotionNotificationLocation::HomePage,
        Location::ProductPage => pb::PromotionNotificationLocation::ProductPage,
        Location::CartPage => pb::PromotionNotificationLocation::CartPage,
        Location::CheckoutPage => pb::PromotionNotificationLocation::CheckoutPage,
    }
}

/// A notification for one checkout.
pub(super) fn notice(notice: &Notice) -> pb::CheckoutPromotionNotification {
    let shown = notification(&notice.notification);
    pb::CheckoutPromotionNotification {
        promotion_id: notice.promotion_id.to_string(),
        r#type: shown.r#type,
        content: shown.content,
        locations: shown.locations,
    }
}
