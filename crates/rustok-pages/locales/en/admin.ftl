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

## Products
product = Product
product-new = New product
product-draft = Draft
product-active = Active
product-archived = Archived
product-deleted = Deleted
product-type = Type
product-vendor = Vendor
product-title = Title
product-description = Description
product-description-hint = HTML such as <p> and <b> is kept. What could act by itself, such as scripts, is taken out.
product-tags = Tags
product-pictures = Pictures
product-options = Options
product-sorting = Sorting
product-aside = Status and details
product-address = Address in the shop
product-handle = Handle
product-handle-hint = The end of the product's address. Leave it empty, and it is made from the title.
product-facts = Barcodes, weight and customs
product-duplicate = Duplicate
product-copy-title = { $title } (copy)
product-delete = Delete
product-undelete = Bring back
product-undelete-named = { $name }: bring back
product-undo = Undo
product-is-deleted = The product is deleted.
product-dirty = Not saved yet
product-clean = All changes are saved
product-conflict = A colleague saved this product while you were writing
product-conflict-text = Nothing of yours is saved yet, and nothing is lost: it stands in the form below. Save puts your version over theirs.
product-conflict-open = See theirs in a new tab
product-conflict-drop = Drop mine
product-conflict-differences = Where the two versions differ
product-field = Field
product-theirs = Saved by your colleague
product-mine = Yours
conflict-row-missing = not there
products-active = Active
products-draft = Drafts
products-archived = Archived
products-deleted = Deleted
products-caption = Products
products-search = Search products
products-search-hint = Words of the title or the vendor
products-search-on = Search on
products-chip-query = Words: { $text }
products-chip-vendor = Vendor: { $text }
products-chip-remove = : take this filter away
products-none = No products yet
products-none-text = A title and a price are enough for the first one.
products-no-match = No product matches
products-no-match-text = Take a filter away, or look in another view.
discard = Discard
yes = Yes
select-all = Select all on this page
select-named = Select { $name }
selected = Selected
selected-of-list = selected
selected-clear = Clear selection
separate-with-commas = Separate with commas.
separate-with = Separate with the sign { $separator }
status-active = Active: everyone sees it
status-draft = Draft: only your team
status-archived = Archived: kept, not sold
image-number = Picture { $number }
image-url = Address of a picture
image-url-of = { $name }: address
image-alt = What the picture shows
image-alt-of = { $name }: what it shows
image-add = Add picture
image-earlier = { $name }: move earlier
image-later = { $name }: move later
image-remove = { $name }: remove
option = Option
option-hint = Such as size or colour.
option-values = Values
options-apply = Make variants of the values
options-added = { $n ->
    [one] { $n } variant was added. It is stored when you save.
   *[other] { $n } variants were added. They are stored when you save.
}
options-marked = { $n ->
    [one] { $n } variant is marked to be removed below. Save once more to remove it, or take the mark away.
   *[other] { $n } variants are marked to be removed below. Save once more to remove them, or take the marks away.
}
options-unchanged = The variants fit the values already.
options-no-values = Give this option at least one value.
options-too-many = These values would make { $n } variants; a product has at most 100.
variant = Variant
variants = Variants
variants-count = { $n ->
    [one] { $n } variant
   *[other] { $n } variants
}
variants-caption = Variants with price and stock
variant-only = This product
variant-add = Add variant
variant-sku = SKU
variant-price = Price
variant-compare = Before
variant-backorder = Sell at 0
variant-remove = Remove
variant-barcode = Barcode
variant-weight = Weight, g
variant-hs = HS code
prices-in = Prices in { $currency }
cell-sku = SKU of { $row }
cell-price = Price of { $row }
cell-compare = Price before of { $row }
cell-available = Stock of { $row } to start with
cell-barcode = Barcode of { $row }
cell-weight = Weight of { $row } in grams
cell-hs = HS code of { $row }
cell-backorder = Sell { $row } at zero stock
cell-deleted = Remove { $row }
cell-options = Options of { $row }
stock = Stock
stock-of = Stock of { $row }
stock-heading = Stock of { $product }
stock-caption = Variants with their stock
stock-not-counted = Not counted
stock-changes-of = Changes of { $row }
stock-no-changes = Nothing has changed its stock yet.
stock-adjust = Adjust { $row }
stock-adjust-submit = Adjust
stock-delta = Pieces that came or went
stock-delta-hint = 5 for a delivery of five, -2 for two that broke.
stock-reason = Reason
stock-reason-hint = Kept with the change.
stock-count = Count { $row }
stock-count-submit = Set the stock
stock-quantity = Pieces that are there
stock-quantity-hint = From then on this variant is counted.
movement-set = Counted
movement-imported = Imported
movement-reserved = Taken by an order
movement-released = Given back by an order
movement-adjusted = Adjusted
bulk-activate = Set active…
bulk-archive = Archive…
bulk-tag = Tag…
bulk-delete = Delete…
bulk-heading-activate = Set products active
bulk-heading-archive = Archive products
bulk-heading-tag = Tag products
bulk-heading-delete = Delete products
bulk-heading-undelete = Bring products back
bulk-submit-activate = { $n ->
    [one] Set { $n } product active
   *[other] Set { $n } products active
}
bulk-submit-archive = { $n ->
    [one] Archive { $n } product
   *[other] Archive { $n } products
}
bulk-submit-tag = { $n ->
    [one] Tag { $n } product
   *[other] Tag { $n } products
}
bulk-submit-delete = { $n ->
    [one] Delete { $n } product
   *[other] Delete { $n } products
}
bulk-submit-undelete = { $n ->
    [one] Bring { $n } product back
   *[other] Bring { $n } products back
}
bulk-delete-text = They leave the shop at once. Orders keep what they say of them, and they can be brought back.
bulk-will-activate = Everyone will see it
bulk-will-archive = Will leave the shop
bulk-will-tag = Gets the tag
bulk-will-delete = Will be deleted
bulk-will-undelete = Will be brought back
bulk-is-active = Is active already
bulk-is-archived = Is archived already
bulk-did-activate = Set active
bulk-did-archive = Archived
bulk-did-tag = Tagged
bulk-did-delete = Deleted
bulk-did-undelete = Brought back
bulk-unchanged = Nothing to change
bulk-refused = { $n ->
    [one] { $n } product was left as it is. The list says why.
   *[other] { $n } products were left as they are. The list says why.
}
bulk-all-done = Done.
bulk-no-tag = Write the tag that these products get.
bulk-tag-label = Tag
bulk-tag-hint = One tag, such as summer.
bulk-plan = What will happen
bulk-result = What happened
bulk-back = Back to the products
bulk-keep = Leave them as they are
flash-product-copied = This is the copy. It is a draft, and its stock is empty.
flash-product-undeleted = The product is back.
flash-product-cleaned = Saved. What could act by itself was taken out of the description.
flash-stock-changed = The stock is changed.
problem-product-not-found = There is no such product. Perhaps it was deleted.
problem-variant-not-found = There is no such variant. Perhaps it was deleted.
problem-handle-taken = Another product has this handle.
problem-variant-in-use = Variants whose pieces are counted are removed by their box in the list only.
problem-insufficient-stock = There are fewer pieces than that. Nothing was changed.
problem-stock-not-tracked = The pieces of this variant are not counted. Count them first.
problem-stock-changed = The stock was changed while the page was open. Compare it with your count, and save once more.
problem-too-many-products = At most 50 products are changed at once.
problem-too-many-values = The form has more fields than the server takes. Save it in smaller parts.
problem-idempotency-in-flight = The same form is being saved already. Wait a moment.
field-required = This is needed.
field-invalid-text = Write one line of at most 255 characters.
field-too-many = These are too many.
field-too-long = This is too long.
field-control-characters = There are characters in this that cannot be stored. Type it anew.
field-unknown-status = Choose one of the list.
field-invalid-handle = Write small letters, digits and hyphens, such as linen-shirt.
field-taken = Another product has this already.
field-duplicate = Another one says the same.
field-unknown-id = This is not there any more. Load the page again.
field-unknown-variant = This variant is not there any more. Load the page again.
field-invalid-url = Write an address that begins with https://.
field-invalid-sku = Write one line of at most 255 characters.
field-not-a-number = Write it like 12.90.
field-not-a-whole-number = Write a whole number, such as 12.
field-too-many-decimals = This currency has fewer digits after the point.
field-out-of-range = This number is too large or too small.
field-negative = This cannot be less than nothing.
field-without-price = Give it a price first.
field-currency-mismatch = Both prices need the same currency.
field-unknown-currency = There is no such currency.
field-invalid-hs-code = Write 6 to 10 digits.
field-not-tracked = Count its stock first.
field-pieces-owed = Pieces are owed to buyers, so this has to stay on until they are there.
field-wrong-count = Each option needs a value.
field-read-only = This cannot be changed here.
field-zero-pieces = Write how many pieces came or went: not 0.
field-too-complex = This is nested too deeply.
field-control-character = There are characters in this that cannot be stored. Type it anew.
