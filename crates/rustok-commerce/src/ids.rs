//! The identifiers of the catalogue, of stock and of orders.

rustok_core::ids! {
    /// A product.
    ProductId = ProductIdKind,
    /// A sellable variant of a product.
    VariantId = VariantIdKind,
    /// An image of a product.
    ImageId = ImageIdKind,
    /// An order.
    OrderId = OrderIdKind,
    /// A customer of one tenant.
    CustomerId = CustomerIdKind,
    /// A payment, a refund or a fulfilment of an order.
    OrderRecordId = OrderRecordIdKind,
    /// A stock movement.
    MovementId = MovementIdKind,
}
