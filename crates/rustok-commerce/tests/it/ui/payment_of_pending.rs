use rustok_commerce::{Order, Pending};

fn payment(order: &Order<Pending>) {
    let _ = order.payment();
}

fn main() {}
