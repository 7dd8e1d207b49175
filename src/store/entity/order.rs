//! Table `orders`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub id: Uuid,
    pub checkout_id: Uuid,
    pub version: i64,
    pub status: String,
    pub status_reason: String,
    pub customer_id: String,
    pub channel_id: String,
    pub currency_code: String,
    pub grand_total: i64,
    pub create_time: DateTimeUtc,
    pub update_time: DateTimeUtc,
    pub paid_time: Option<DateTimeUtc>,
    pub document: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_many = "super::payment::Entity")]
    Payment,
    #[sea_orm(has_many = "super::order_history::Entity")]
    History,
}

impl Related<super::order_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::History.def()
    }
}

impl Related<super::payment::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Payment.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
