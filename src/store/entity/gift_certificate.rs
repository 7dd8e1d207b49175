//! Table `gift_certificates`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "gift_certificates")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub code: String,
    pub normalized_code: String,
    pub enabled: bool,
    pub amount: i64,
    pub recipient_email: String,
    pub expire_time: Option<DateTimeUtc>,
    pub order_id: Option<Uuid>,
    pub card: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::balance::Entity",
        from = "Column::Id",
        to = "super::balance::Column::Id"
    )]
    Balance,
}

impl Related<super::balance::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Balance.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
