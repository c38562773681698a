# The words of the pages in English. Sentences are written for people who work in a shop: what happened, what to do next.

## Around every page
skip-to-content = Skip to content
menu = Menu
main-menu = Main menu
menu-home = Home
menu-orders = Orders
menu-products = Products
menu-content = Articles and pages
menu-group-content = Content
menu-group-tools = Tools
menu-view-shop = View shop
search = Search
sign-out = Sign out
close = Close
breadcrumb = Breadcrumb
all = All
views = Views
pages = Pages
page-first = Newest
page-older = Older
clear-filters = Clear filters
optional = Optional.
not-yet = Not yet
history = History
status = Status
customer = Customer
items = Items
items-count = { $n ->
    [one] { $n } item
   *[other] { $n } items
}
total = Total
copy-email = Copy e-mail address

## Forms
form-not-saved = Not saved: some things have to be put right
form-title-refused = {"Not saved: "}

## Sign in
sign-in = Sign in
sign-in-to = Sign in to { $shop }
sign-in-help = The owner of this shop can send you an invitation or a link to sign in.
sign-in-link-text = This link signs you in once. Go on only if you asked for it.
sign-in-link-used = This link was used already, or it is too old. Ask for a new one.
email = E-mail
password = Password
flash-signed-out = You are signed out.

## After a change
flash-saved = Saved.
flash-created = Created.
flash-deleted = Deleted.

## Home
home-welcome = Welcome to { $shop }.

## Orders
order = Order
order-heading = Order { $number }
order-placed = Placed
order-version = version { $version }
order-expires = expires
order-pending = Pending
order-confirmed = Confirmed
order-paid = Paid
order-shipped = Shipped
order-delivered = Delivered
order-cancelled = Cancelled
orders-pending = Pending
orders-confirmed = Confirmed
orders-paid = Paid
orders-shipped = Shipped
orders-delivered = Delivered
orders-cancelled = Cancelled
orders-caption = Orders, newest first
orders-search = Search orders
orders-search-hint = Number or e-mail
orders-search-unknown = Write the number of an order, such as 1001, or a whole e-mail address.
orders-none = No orders yet
orders-none-text = The first one appears here by itself.
orders-no-match = No order matches
order-life = Life of this order
order-payment = Payment
order-refund = Refund
order-shipment = Shipment
order-others-of-buyer = All orders of this customer
order-nothing-changed = Nothing was changed
order-do-confirm = Confirm
order-do-pay = Record payment…
order-do-ship = Ship…
order-do-deliver = Mark as delivered…
order-do-cancel = Cancel…
order-do-refund = Cancel and refund…
order-pay-title = Record the payment of { $number }
order-pay-submit = Record payment
order-pay-method = Method
order-pay-method-hint = Such as card or bank transfer.
order-pay-id = Name of the payment
order-pay-id-hint = As your payment provider calls it. It pays one order only.
order-ship-title = Ship { $number }
order-ship-submit = Mark as shipped
order-carrier = Carrier
order-tracking = Tracking number
order-deliver-title = Mark { $number } as delivered
order-deliver-submit = Mark as delivered
order-signature = Received by
order-cancel-title = Cancel { $number }?
order-cancel-text = The order ends here and cannot be opened again. Its pieces go back on stock.
order-cancel-submit = Cancel the order
order-keep = Keep the order
order-reason = Reason
order-reason-hint = Shown in the history.
order-refund-id = Name of the refund
order-refund-id-hint = As your payment provider calls it: this order is paid, so the money goes back first.
order-expired = not confirmed or paid in time
step-placed = Placed
step-confirmed = Confirmed
step-paid = Paid
step-shipped = Shipped
step-delivered = Delivered
step-cancelled = Cancelled
actor-buyer = Buyer
actor-token = API token
actor-system = The shop itself
actor-member = A colleague
flash-order-confirmed = The order is confirmed.
flash-order-paid = The payment is recorded.
flash-order-shipped = The order is marked as shipped.
flash-order-delivered = The order is marked as delivered.
flash-order-cancelled = The order is cancelled, and its pieces are back on stock.

## Times
time-today = Today, { $time }
time-yesterday = Yesterday, { $time }
time-this-year = { $day } { $month }, { $time }
time-with-year = { $day } { $month } { $year }, { $time }
time-long = { $day } { $month } { $year }, { $time }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
month-short-1 = Jan
month-short-2 = Feb
month-short-3 = Mar
month-short-4 = Apr
month-short-5 = May
month-short-6 = Jun
month-short-7 = Jul
month-short-8 = Aug
month-short-9 = Sept
month-short-10 = Oct
month-short-11 = Nov
month-short-12 = Dec

## Problems
problem-title-signed-out = You are signed out
problem-title-not-allowed = You cannot do this
problem-title-not-found = There is nothing here
problem-title-changed = Something has changed
problem-title-too-many = Too many requests
problem-title-busy = The server is busy
problem-title-ours = Our mistake
problem-title-refused = This was not accepted
problem-retry-after = { $n ->
    [one] Come back in { $n } second.
   *[other] Come back in { $n } seconds.
}
problem-trace = If you ask for help, name this:
problem-to-start = To the first page
problem-internal = Something went wrong on our side. Nothing was lost; come back in a moment.
problem-unauthenticated = Sign in again. What you had typed was not sent.
problem-forbidden = Your role does not allow this. An owner or admin of this shop can change it.
problem-form-expired = This form was opened in an earlier session. Go back, load the page again and send it once more: nothing was changed.
problem-route-not-found = There is no page at this address. Look at it again, or start from the first page.
problem-tenant-not-found = No shop lives at this address.
problem-order-not-found = There is no such order.
problem-sign-in-failed = This e-mail and password do not belong together, or you are not a member of this shop. Check both and try again.
problem-version-conflict = A colleague changed this while the page was open. It is shown as it is now.
problem-illegal-transition = This step is not possible any more. The page shows those that are.
problem-transition-refused = This step is not possible as it stands.
problem-used-for-another-order = This name belongs to another order already. Look it up at your payment provider.
problem-tls-required = This page was reached without TLS, where others can read a password. Open it by its https address, or on this machine by a name below localhost.
problem-cross-site-request = This form came from another page. Open it here, and send it again.

## The page at /
front-title = Welcome
front-text = This shop is open for programs. Its pages for visitors come later.
front-admin = Administration
front-admin-text = Sign in to work with orders, products and articles.
front-api = API documentation
front-api-text = All operations, with examples.
front-products = Products as JSON
front-products-text = What programs see of the catalogue.

## Search and keys
search-label = Search orders, products and articles, or a screen
search-hint = Order number, e-mail, product, article, screen
search-screens = Screens
search-nothing = Nothing matches
save = Save
menu-settings = Settings
keys = Keys
keys-search-list = Search this list
keys-rows = Next, previous row
keys-open = Open the row
keys-select = Select the row
keys-this-page = This page
