//! The permissions: one [`Action`] per use case. [`crate::policy`] defines which actors have them.

use std::fmt;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The action of a use case. Each use case requests exactly one before it opens the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name),+
        }

        impl Action {
            /// Every action, in the order of the policy table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The snake_case name, for logs and for the internal message of a refusal.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// The action with this name.
            #[must_use]
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == name)
            }
        }
    };
}

actions! {
    /// Store: list the active products.
    ListProducts = "list_products",
    /// Store: read one active product.
    ReadProduct = "read_product",
    /// Store: list the published nodes.
    ListNodes = "list_nodes",
    /// Store: read one published node.
    ReadNode = "read_node",
    /// Store: place an order.
    PlaceOrder = "place_order",
    /// Store: read one order with its own secret.
    ReadOrderBySecret = "read_order_by_secret",

    /// Admin: list and read products and variants in every status.
    ReadCatalog = "read_catalog",
    /// Admin: create a product.
    CreateProduct = "create_product",
    /// Admin: change a product, its variants, prices and images.
    UpdateProduct = "update_product",
    /// Admin: delete a product.
    DeleteProduct = "delete_product",
    /// Admin: bring a deleted product back.
    UndeleteProduct = "undelete_product",
    /// Admin: set the stock of a variant.
    SetStock = "set_stock",
    /// Admin: change the stock of a variant by a relative amount.
    AdjustStock = "adjust_stock",

    /// Admin: list and read nodes in every status.
    ReadContent = "read_content",
    /// Admin: create a node.
    CreateNode = "create_node",
    /// Admin: change a node or one of its translations.
    UpdateNode = "update_node",
    /// Admin: delete a node, softly.
    DeleteNode = "delete_node",
    /// Admin: bring a deleted node back.
    UndeleteNode = "undelete_node",
    /// Admin: publish a node.
    PublishNode = "publish_node",
    /// Admin: return a published node to draft.
    UnpublishNode = "unpublish_node",
    /// Admin: archive a published node.
    ArchiveNode = "archive_node",
    /// Admin: restore an archived node as a draft.
    RestoreNode = "restore_node",
    /// Admin: create, rename, merge and delete terms and authors.
    ManageTerms = "manage_terms",

    /// Admin: list and read orders, with the customers' addresses.
    ReadOrders = "read_orders",
    /// Admin: confirm an order.
    ConfirmOrder = "confirm_order",
    /// Admin: record a payment.
    PayOrder = "pay_order",
    /// Admin: record a shipment.
    ShipOrder = "ship_order",
    /// Admin: record a delivery.
    DeliverOrder = "deliver_order",
    /// Admin: cancel an order, with a refund if it was paid.
    CancelOrder = "cancel_order",
    /// Worker: cancel an order that was not confirmed, or not paid, in time.
    ExpireOrder = "expire_order",
    /// Worker: hand committed events to their consumers.
    DeliverEvents = "deliver_events",

    /// Admin: read the history of an order or a node.
    ReadHistory = "read_history",
    /// Admin: import products or content from a file.
    ImportData = "import_data",
    /// Admin: list, create and revoke the tenant's tokens.
    ManageTokens = "manage_tokens",

    /// Anyone: open a session with a password, a link or an invitation.
    SignIn = "sign_in",
    /// A member: what belongs to their account and their sessions.
    ManageOwnAccount = "manage_own_account",
    /// Admin: list the members of the tenant.
    ReadMembers = "read_members",
    /// Admin: invite members, change their roles and remove them. Nobody gives or takes a role that may do more than
    /// their own.
    ManageMembers = "manage_members",
    /// Admin: give and take the role of an owner. No use case requests it: it makes an owner's role more than an admin's.
    ManageOwners = "manage_owners",
    /// Admin: read and change the name and the settings of the own tenant.
    ManageSettings = "manage_settings",

    /// Platform: list, create, change, suspend and resume tenants and their hosts.
    ManageTenants = "manage_tenants",
    /// Command line: list, create, disable and enable accounts, set their passwords, make them members, issue links.
    ManageAccounts = "manage_accounts",
    /// Command line: list, create and revoke platform tokens.
    ManagePlatformTokens = "manage_platform_tokens",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_the_variant_in_snake_case() {
        for action in Action::ALL {
            let mut snake = String::new();
            for (index, letter) in format!("{action:?}").char_indices() {
                if letter.is_ascii_uppercase() && index > 0 {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            assert_eq!(action.as_str(), snake);
        }
    }
}
