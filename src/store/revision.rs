//! How often the catalog, promotions, settings and who may call have been changed: replicas keep them in memory as long
//! as these numbers stay.

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};

use super::{
    Connection, Result, Transaction,
    entity::revision::{Column, Entity},
};
use crate::domain::checkout::Revisions;

/// What has a revision.
#[derive(Debug, Clone, Copy)]
pub(super) enum Area {
    /// Products.
    Catalog,
    /// Promotions, and whether one that is limited has uses left; of coupon codes those that were deleted.
    Promotions,
    /// The store's settings.
    Store,
    /// API tokens, and sessions that were revoked.
    Access,
}

impl Area {
    const fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Promotions => "promotions",
            Self::Store => "store",
            Self::Access => "access",
        }
    }
}

/// The revisions as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Current {
    /// Of what checkouts are priced by.
    pub shop: Revisions,
    /// Of who may call.
    pub access: i64,
}

/// The revisions as they are.
pub async fn load(c: &impl Connection) -> Result<Current> {
    let rows = Entity::find().all(c.orm()).await?;
    let of = |area: Area| {
        let row = rows.iter().find(|row| row.name == area.name());
        row.map_or(0, |row| row.revision)
    };
    Ok(Current {
        shop: Revisions {
            catalog: of(Area::Catalog),
            promotions: of(Area::Promotions),
            store: of(Area::Store),
        },
        access: of(Area::Access),
    })
}

/// Tells that something was changed, in the transaction that changes it. From here to the commit nobody else can change
/// anything of the area, so it comes last where many do at once, and first where they have to take turns.
pub(super) async fn bump(transaction: &Transaction, area: Area) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::Name.eq(area.name()));
    update.exec(transaction.orm()).await?;
    Ok(())
}
