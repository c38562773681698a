# Слова страниц по-русски. Предложения пишутся для тех, кто работает в магазине: что случилось и что делать дальше.

## Вокруг каждой страницы
skip-to-content = К содержанию
menu = Меню
main-menu = Главное меню
menu-home = Главная
menu-orders = Заказы
menu-products = Товары
menu-content = Статьи и страницы
menu-group-content = Содержание
menu-group-tools = Инструменты
menu-view-shop = Открыть магазин
search = Найти
sign-out = Выйти
close = Закрыть
breadcrumb = Путь
all = Все
views = Виды
pages = Страницы
page-first = Новейшие
page-older = Более ранние
clear-filters = Снять фильтры
optional = Необязательно.
not-yet = Пока нет
history = История
status = Состояние
customer = Покупатель
items = Товары
items-count = { $n ->
    [one] { $n } товар
    [few] { $n } товара
   *[many] { $n } товаров
}
total = Итого
copy-email = Скопировать адрес почты

## Формы
form-not-saved = Не сохранено: кое-что нужно исправить
form-title-refused = {"Не сохранено: "}

## Вход
sign-in = Войти
sign-in-to = Вход: { $shop }
sign-in-help = Владелец магазина может прислать вам приглашение или ссылку для входа.
sign-in-link-text = По этой ссылке можно войти один раз. Продолжайте, только если вы её просили.
sign-in-link-used = Эта ссылка уже использована или устарела. Попросите новую.
email = Эл. почта
password = Пароль
flash-signed-out = Вы вышли.

## После изменения
flash-saved = Сохранено.
flash-created = Создано.
flash-deleted = Удалено.

## Главная
home-welcome = Добро пожаловать: { $shop }.

## Заказы
order = Заказ
order-heading = Заказ { $number }
order-placed = Оформлен
order-version = версия { $version }
order-expires = истекает
order-pending = Ожидает
order-confirmed = Подтверждён
order-paid = Оплачен
order-shipped = Отправлен
order-delivered = Доставлен
order-cancelled = Отменён
orders-pending = Ожидают
orders-confirmed = Подтверждены
orders-paid = Оплачены
orders-shipped = Отправлены
orders-delivered = Доставлены
orders-cancelled = Отменены
orders-caption = Заказы, сначала новые
orders-search = Поиск заказов
orders-search-hint = Номер или эл. почта
orders-search-unknown = Напишите номер заказа, например 1001, или полный адрес почты.
orders-none = Заказов пока нет
orders-none-text = Первый появится здесь сам.
orders-no-match = Подходящих заказов нет
order-life = Путь этого заказа
order-payment = Оплата
order-refund = Возврат
order-shipment = Отправление
order-others-of-buyer = Все заказы этого покупателя
order-nothing-changed = Ничего не изменено
order-do-confirm = Подтвердить
order-do-pay = Внести оплату…
order-do-ship = Отправить…
order-do-deliver = Отметить доставку…
order-do-cancel = Отменить…
order-do-refund = Отменить и вернуть деньги…
order-pay-title = Внести оплату заказа { $number }
order-pay-submit = Внести оплату
order-pay-method = Способ
order-pay-method-hint = Например, карта или перевод.
order-pay-id = Название платежа
order-pay-id-hint = Как он называется у платёжной системы. Им оплачивается только один заказ.
order-ship-title = Отправить заказ { $number }
order-ship-submit = Отметить отправку
order-carrier = Перевозчик
order-tracking = Номер отслеживания
order-deliver-title = Отметить доставку заказа { $number }
order-deliver-submit = Отметить доставку
order-signature = Кто получил
order-cancel-title = Отменить заказ { $number }?
order-cancel-text = Заказ на этом закончится, открыть его снова нельзя. Товары вернутся на склад.
order-cancel-submit = Отменить заказ
order-keep = Оставить заказ
order-reason = Причина
order-reason-hint = Видна в истории.
order-refund-id = Название возврата
order-refund-id-hint = Как он называется у платёжной системы: заказ оплачен, поэтому сначала возвращаются деньги.
order-expired = не подтверждён или не оплачен вовремя
step-placed = Оформлен
step-confirmed = Подтверждён
step-paid = Оплачен
step-shipped = Отправлен
step-delivered = Доставлен
step-cancelled = Отменён
actor-buyer = Покупатель
actor-token = Ключ API
actor-system = Сам магазин
actor-member = Кто-то из коллег
flash-order-confirmed = Заказ подтверждён.
flash-order-paid = Оплата внесена.
flash-order-shipped = Отправка отмечена.
flash-order-delivered = Доставка отмечена.
flash-order-cancelled = Заказ отменён, товары снова на складе.

## Время
time-today = Сегодня, { $time }
time-yesterday = Вчера, { $time }
time-this-year = { $day } { $month }, { $time }
time-with-year = { $day } { $month } { $year } г., { $time }
time-long = { $day } { $month } { $year } г., { $time }
month-1 = января
month-2 = февраля
month-3 = марта
month-4 = апреля
month-5 = мая
month-6 = июня
month-7 = июля
month-8 = августа
month-9 = сентября
month-10 = октября
month-11 = ноября
month-12 = декабря
month-short-1 = янв.
month-short-2 = февр.
month-short-3 = мар.
month-short-4 = апр.
month-short-5 = мая
month-short-6 = июн.
month-short-7 = июл.
month-short-8 = авг.
month-short-9 = сент.
month-short-10 = окт.
month-short-11 = нояб.
month-short-12 = дек.

## Отказы
problem-title-signed-out = Вы не вошли
problem-title-not-allowed = Это вам недоступно
problem-title-not-found = Здесь ничего нет
problem-title-changed = Что-то изменилось
problem-title-too-many = Слишком много запросов
problem-title-busy = Сервер занят
problem-title-ours = Ошибка на нашей стороне
problem-title-refused = Это не принято
problem-retry-after = { $n ->
    [one] Вернитесь через { $n } секунду.
    [few] Вернитесь через { $n } секунды.
   *[many] Вернитесь через { $n } секунд.
}
problem-trace = Если понадобится помощь, назовите это:
problem-to-start = На главную
problem-internal = Что-то сломалось у нас. Ничего не потеряно, вернитесь через минуту.
problem-unauthenticated = Войдите снова. То, что вы ввели, не отправлено.
problem-forbidden = Ваша роль этого не позволяет. Изменить её может владелец или администратор магазина.
problem-form-expired = Эта форма открыта в прежнем сеансе. Вернитесь, обновите страницу и отправьте её ещё раз: ничего не изменено.
problem-route-not-found = По этому адресу нет страницы. Проверьте адрес или начните с главной.
problem-tenant-not-found = По этому адресу нет магазина.
problem-order-not-found = Такого заказа нет.
problem-sign-in-failed = Почта и пароль не подходят друг к другу, или вы не работаете в этом магазине. Проверьте их и попробуйте снова.
problem-version-conflict = Пока страница была открыта, это изменил кто-то другой. Показано то, что есть сейчас.
problem-illegal-transition = Этот шаг уже невозможен. На странице показаны возможные.
problem-transition-refused = В таком виде этот шаг невозможен.
problem-used-for-another-order = Это название уже принадлежит другому заказу. Проверьте его у платёжной системы.
problem-tls-required = Страница открыта без TLS, пароль могут прочитать другие. Откройте её по адресу https или на этой машине по имени внутри localhost.
problem-cross-site-request = Эта форма пришла с другой страницы. Откройте её здесь и отправьте снова.

## Страница по адресу /
front-title = Добро пожаловать
front-text = Этот магазин открыт для программ. Страницы для посетителей появятся позже.
front-admin = Администрирование
front-admin-text = Войдите, чтобы работать с заказами, товарами и статьями.
front-api = Документация API
front-api-text = Все операции с примерами.
front-products = Товары в JSON
front-products-text = Каким каталог видят программы.

## Поиск и клавиши
search-label = Поиск заказов, товаров, статей и разделов
search-hint = Номер заказа, эл. почта, товар, статья, раздел
search-screens = Разделы
search-nothing = Ничего не найдено
save = Сохранить
menu-settings = Настройки
keys = Клавиши
keys-search-list = Искать в этом списке
keys-rows = Следующая, предыдущая строка
keys-open = Открыть строку
keys-select = Выбрать строку
keys-this-page = Эта страница

## Товары
product = Товар
product-new = Новый товар
product-draft = Черновик
product-active = В продаже
product-archived = В архиве
product-deleted = Удалён
product-type = Тип
product-vendor = Производитель
product-title = Название
product-description = Описание
product-description-hint = Разметка HTML, например <p> и <b>, сохраняется. Всё, что может действовать само, например скрипты, убирается.
product-tags = Метки
product-pictures = Изображения
product-options = Параметры
product-sorting = Упорядочение
product-aside = Состояние и подробности
product-address = Адрес в магазине
product-handle = Часть адреса
product-handle-hint = Окончание адреса товара. Оставьте пустым, и оно составится из названия.
product-facts = Штрихкоды, вес и таможня
product-duplicate = Создать копию
product-copy-title = { $title } (копия)
product-delete = Удалить
product-undelete = Вернуть
product-undelete-named = { $name }: вернуть
product-undo = Вернуть как было
product-is-gone = Пока вы писали, товар кто-то удалил. «Сохранить» создаст новый товар из набранного; прежний можно вернуть среди удалённых.
product-is-deleted = Товар удалён.
product-dirty = Ещё не сохранено
product-clean = Всё сохранено
product-conflict = Пока вы писали, товар сохранил кто-то из коллег
product-conflict-text = Ваши правки ещё не сохранены, но и не потеряны: они в форме ниже. «Сохранить» запишет ваш вариант поверх чужого.
product-conflict-open = Открыть чужой вариант в новой вкладке
product-conflict-drop = Отбросить мои правки
product-conflict-differences = Чем варианты отличаются
product-field = Поле
product-theirs = Сохранено коллегой
product-mine = У вас
conflict-row-missing = нет
products-active = В продаже
products-draft = Черновики
products-archived = В архиве
products-deleted = Удалённые
products-caption = Товары
products-search = Найти товар
products-search-hint = Слова из названия или производителя
products-search-on = Искать дальше
products-chip-query = Слова: { $text }
products-chip-vendor = Производитель: { $text }
products-chip-remove = : убрать этот фильтр
products-shown = { $n ->
    [one] { $n } товар на странице
    [few] { $n } товара на странице
   *[many] { $n } товаров на странице
}
products-none = Товаров пока нет
products-none-text = Для первого достаточно названия и цены.
products-no-match = Ничего не найдено
products-no-match-text = Уберите фильтр или посмотрите другой вид.
discard = Отменить правки
yes = Да
select-all = Выбрать всё на странице
select-named = Выбрать: { $name }
selected = Выбранное
selected-of-list = выбрано
selected-clear = Снять выбор
separate-with-commas = Через запятую.
separate-with = Разделяйте знаком { $separator }
status-active = В продаже: видят все
status-draft = Черновик: видят только сотрудники
status-archived = В архиве: хранится, не продаётся
image-number = Изображение { $number }
image-url = Адрес изображения
image-url-of = { $name }: адрес
image-alt = Что на изображении
image-alt-of = { $name }: что на изображении
image-add = Добавить изображение
image-earlier = { $name }: передвинуть раньше
image-later = { $name }: передвинуть позже
image-remove = { $name }: убрать
option = Параметр
option-hint = Например, размер или цвет.
option-values = Значения
options-apply = Составить варианты из значений
options-added = { $n ->
    [one] Добавлен { $n } вариант. Он запишется при сохранении.
    [few] Добавлено { $n } варианта. Они запишутся при сохранении.
   *[many] Добавлено { $n } вариантов. Они запишутся при сохранении.
}
options-marked = { $n ->
    [one] { $n } вариант ниже отмечен к удалению. Сохраните ещё раз, чтобы удалить его, или снимите отметку.
    [few] { $n } варианта ниже отмечены к удалению. Сохраните ещё раз, чтобы удалить их, или снимите отметки.
   *[many] { $n } вариантов ниже отмечены к удалению. Сохраните ещё раз, чтобы удалить их, или снимите отметки.
}
options-unchanged = Варианты уже соответствуют значениям.
options-no-values = Укажите хотя бы одно значение этого параметра.
options-too-many = { $n ->
    [one] Из этих значений получится { $n } вариант, а у товара их не больше 100.
    [few] Из этих значений получится { $n } варианта, а у товара их не больше 100.
   *[many] Из этих значений получится { $n } вариантов, а у товара их не больше 100.
}
variant = Вариант
variants = Варианты
variants-count = { $n ->
    [one] { $n } вариант
    [few] { $n } варианта
   *[many] { $n } вариантов
}
variants-caption = Варианты с ценами и остатками
variant-only = Этот товар
variant-add = Добавить вариант
variant-sku = Артикул
variant-price = Цена
variant-compare = Прежняя цена
variant-backorder = Продавать при 0
variant-remove = Убрать
variant-barcode = Штрихкод
variant-weight = Вес, г
variant-hs = Код ТН ВЭД
prices-in = Цены в { $currency }
cell-sku = Артикул: { $row }
cell-price = Цена: { $row }
cell-compare = Прежняя цена: { $row }
cell-available = Начальный остаток: { $row }
cell-barcode = Штрихкод: { $row }
cell-weight = Вес в граммах: { $row }
cell-hs = Код ТН ВЭД: { $row }
cell-backorder = Продавать при нулевом остатке: { $row }
cell-deleted = Убрать: { $row }
cell-options = Параметры: { $row }
stock = Остаток
stock-of = Остаток: { $row }
stock-heading = Остаток: { $product }
stock-caption = Варианты с остатками
stock-not-counted = Не считается
stock-changes-of = Изменения: { $row }
stock-no-changes = Остаток ещё не менялся.
stock-adjust = Изменить: { $row }
stock-adjust-submit = Изменить
stock-delta = Сколько прибыло или убыло
stock-delta-hint = 5, если привезли пять штук; -2, если две разбились.
stock-reason = Причина
stock-reason-hint = Сохраняется вместе с изменением.
stock-count = Пересчитать: { $row }
stock-count-submit = Записать остаток
stock-quantity = Сколько штук в наличии
stock-quantity-hint = С этого момента остаток варианта считается.
movement-set = Пересчёт
movement-imported = Загрузка из файла
movement-reserved = Взято заказом
movement-released = Возвращено заказом
movement-adjusted = Изменение
bulk-activate = В продажу…
bulk-archive = В архив…
bulk-tag = Метка…
bulk-delete = Удалить…
bulk-heading-activate = Выставить товары на продажу
bulk-heading-archive = Отправить товары в архив
bulk-heading-tag = Добавить товарам метку
bulk-heading-delete = Удалить товары
bulk-heading-undelete = Вернуть товары
bulk-submit-activate = { $n ->
    [one] Выставить { $n } товар
    [few] Выставить { $n } товара
   *[many] Выставить { $n } товаров
}
bulk-submit-archive = { $n ->
    [one] Отправить в архив { $n } товар
    [few] Отправить в архив { $n } товара
   *[many] Отправить в архив { $n } товаров
}
bulk-submit-tag = { $n ->
    [one] Добавить метку { $n } товару
    [few] Добавить метку { $n } товарам
   *[many] Добавить метку { $n } товарам
}
bulk-submit-delete = { $n ->
    [one] Удалить { $n } товар
    [few] Удалить { $n } товара
   *[many] Удалить { $n } товаров
}
bulk-submit-undelete = { $n ->
    [one] Вернуть { $n } товар
    [few] Вернуть { $n } товара
   *[many] Вернуть { $n } товаров
}
bulk-delete-text = Они сразу исчезнут из магазина. В заказах всё останется как есть, и товары можно вернуть.
bulk-will-activate = Его увидят все
bulk-will-archive = Исчезнет из магазина
bulk-will-tag = Получит метку
bulk-will-delete = Будет удалён
bulk-will-undelete = Будет возвращён
bulk-is-active = Уже в продаже
bulk-is-archived = Уже в архиве
bulk-did-activate = Выставлен на продажу
bulk-did-archive = В архиве
bulk-did-tag = Метка добавлена
bulk-did-delete = Удалён
bulk-did-undelete = Возвращён
bulk-unchanged = Менять нечего
bulk-refused = { $n ->
    [one] { $n } товар остался как был. Причина указана в списке.
    [few] { $n } товара остались как были. Причины указаны в списке.
   *[many] { $n } товаров остались как были. Причины указаны в списке.
}
bulk-all-done = Готово.
bulk-no-tag = Напишите метку, которую получат эти товары.
bulk-tag-label = Метка
bulk-tag-hint = Одна метка, например лето.
bulk-plan = Что произойдёт
bulk-result = Что произошло
bulk-back = К товарам
bulk-keep = Оставить как есть
flash-product-copied = Это копия. Она в черновиках, остаток пуст.
flash-product-undeleted = Товар снова на месте.
flash-product-cleaned = Сохранено. Из описания убрано то, что могло действовать само.
flash-stock-changed = Остаток изменён.
problem-product-not-found = Такого товара нет. Возможно, его удалили.
problem-variant-not-found = Такого варианта нет. Возможно, его удалили.
problem-handle-taken = Эта часть адреса занята другим товаром.
problem-variant-in-use = Варианты, чей остаток считается, убираются только отметкой в списке.
problem-insufficient-stock = Столько штук нет. Ничего не изменено.
problem-stock-not-tracked = Остаток этого варианта не считается. Сначала пересчитайте его.
problem-stock-changed = Пока страница была открыта, остаток изменился. Сверьте его с вашим пересчётом и сохраните ещё раз.
problem-too-many-products = За один раз меняется не больше 50 товаров.
problem-too-many-values = В форме больше полей, чем принимает сервер. Сохраните её по частям.
problem-idempotency-in-flight = Эта же форма уже сохраняется. Подождите немного.
field-required = Это нужно заполнить.
field-invalid-text = Напишите одну строку не длиннее 255 знаков.
field-too-many = Это слишком много.
field-too-long = Это слишком длинно.
field-control-characters = Здесь есть знаки, которые нельзя сохранить. Наберите заново.
field-unknown-status = Выберите из списка.
field-invalid-handle = Пишите строчные буквы, цифры и дефисы, например linen-shirt.
field-taken = Это уже есть у другого товара.
field-duplicate = То же самое уже есть рядом.
field-unknown-id = Этого больше нет. Загрузите страницу заново.
field-unknown-variant = Этого варианта больше нет. Загрузите страницу заново.
field-invalid-url = Напишите адрес, который начинается с https://.
field-invalid-sku = Напишите одну строку не длиннее 255 знаков.
field-not-a-number = Напишите так: 12,90.
field-not-a-whole-number = Напишите целое число, например 12.
field-too-many-decimals = У этой валюты меньше знаков после запятой.
field-out-of-range = Число слишком большое или слишком маленькое.
field-negative = Меньше нуля нельзя.
field-without-price = Сначала укажите цену.
field-currency-mismatch = Обе цены должны быть в одной валюте.
field-unknown-currency = Такой валюты нет.
field-invalid-hs-code = Напишите от 6 до 10 цифр.
field-not-tracked = Сначала пересчитайте остаток.
field-pieces-owed = Покупателям ещё должны штуки, поэтому отметка остаётся, пока они не придут.
field-wrong-count = У каждого параметра должно быть значение.
field-read-only = Здесь это изменить нельзя.
field-zero-pieces = Напишите, сколько штук прибыло или убыло: не 0.
field-control-character = Здесь есть знаки, которые нельзя сохранить. Наберите заново.
## Статьи и страницы
node-draft = Черновик
node-published = Опубликовано
node-scheduled = Запланировано
node-archived = В архиве
node-edited = Есть правки
node-deleted = Удалено
translation-removed = Убирается
translation-edited = Изменён
translation-new = Новый
kind-post = Статья
kind-page = Страница
content-drafts = Черновики
content-published = Опубликованные
content-archived = Архив
content-deleted = Удалённые
content-search = Поиск по заголовкам
content-kind = Вид
content-any-kind = Любой вид
content-title-in = Заголовки на языке
content-any-language = Основной язык
content-changed = Изменено
content-changed-ever = За всё время
content-changed-day = За сутки
content-changed-week = За 7 дней
content-changed-month = За 30 дней
content-languages = Языки
content-missing = нет { $locales }
content-author = Автор
content-title = Заголовок
content-untitled = Без заголовка
content-none = Статей и страниц пока нет
content-none-text = Напишите первую или перенесите их из другого магазина.
content-none-here = Среди этих ничего нет, но могут подойти более старые
content-no-match = Подходящих статей и страниц нет
content-was-deleted = Удалено. Вернуть можно из списка удалённых.
content-undo = Отменить
content-bring-back = Вернуть
content-bring-back-one = Вернуть «{ $title }»
content-new-post = Новая статья
content-new-page = Новая страница
content-edit-post = Правка статьи
content-edit-page = Правка страницы
content-publish = Опубликовать
content-publish-changes = Опубликовать правки
content-unpublish = Снять с публикации
content-restore = Вернуть в черновики
content-archive = В архив
content-archive-open = В архив…
content-archive-title = Отправить в архив?
content-archive-text = Читатели больше этого не увидят. Вернуть можно будет как черновик.
content-reason = Причина
content-reason-hint = Видна в истории.
content-duplicate = Сделать копию
content-delete = Удалить
content-nothing-changed = Ничего не изменено
content-language = Язык
content-formatting = Оформление
content-preview = Просмотр
content-body = Текст в Markdown
content-body-html = Текст в HTML
content-details = Публикация и свойства
content-publishing = Публикация
content-public-since = Видно с
content-planned-for = Будет видно с
content-public-revision = Видимая версия текста
content-revision = Рабочая версия текста
content-date = Дата
content-time = Время
content-when-hint = Для кнопки «Опубликовать»: пусто — сейчас. Часовой пояс: { $zone }.
content-date-missing = Выберите день или сотрите время.
content-time-missing = Выберите время или сотрите дату.
content-date-wrong = Такого дня или времени нет.
content-of-text = Адрес и анонс
content-slug = Имя в адресе
content-slug-hint = По нему страницу открывают. Пусто — из заголовка.
content-excerpt = Анонс
content-excerpt-hint = Виден в списках и в поисковых системах.
content-author-and-terms = Автор и рубрики
content-author-shown = Показан как { $name }.
content-author-hint = Логин автора. Пусто — этот магазин.
content-categories = Рубрики
content-tags = Метки
content-terms-hint = Названия через запятую. Новое название создаёт новую рубрику или метку.
content-conflict = Пока вы писали, это сохранил кто-то другой
content-conflict-text = Ваш текст ниже, он ещё не сохранён. Рядом тот, что сохранён, автор { $by }:
content-conflict-else = Текст остался прежним, но изменилось другое, например состояние или другой язык. Последнее сохранение, автор { $by }:
content-conflict-ways = Сохраните свой поверх, возьмите сохранённый или сведите оба здесь и сохраните.
content-conflict-mine = Сохранить мой
content-conflict-theirs = Отказаться от моего, взять сохранённый
content-conflict-both = Свести оба
content-saved-text = Сохранённый текст
content-source-text = Текст на языке: { $language }
content-removed = При публикации это убирается: оно выполняется или неизвестно
translation-add = Добавить язык: { $language }
translation-any = Другой язык
translation-any-hint = Его код, например de или pt-BR.
translation-any-submit = Писать на нём
translation-delete-open = Удалить этот перевод…
translation-delete-title = Удалить текст на языке «{ $language }»?
translation-delete-text = Читатели видят его до следующей публикации.
translation-delete-submit = Удалить перевод
draft-kept = В этом браузере есть несохранённый текст от
draft-kept-text = Он отличается от того, что показано ниже. Пока вы не сохраните, ничего не перезаписывается.
draft-take = Вернуть его
draft-forget = Выбросить
draft-saved-here = Сохранено в этом браузере в
draft-words = Слов:
md-heading = Заголовок
md-bold = Жирный
md-italic = Курсив
md-link = Ссылка
md-quote = Цитата
md-list = Список
md-code = Код
removed-element = Тег { $name }, его содержимое остаётся
removed-element-with-content = { $name } вместе с содержимым
removed-attribute = Атрибут { $name }
removed-url = Адрес с { $name }
removed-style = Стиль { $name }
removed-class = Класс { $name }
removed-rel = Отношение { $name }
removed-id = Недопустимое имя
removed-other = И ещё такое же
node-step-create = Создано
node-step-update = Изменено
node-step-remove-translation = Перевод удалён
node-step-publish = Опубликовано
node-step-unpublish = Снято с публикации
node-step-archive = Отправлено в архив
node-step-restore = Возвращено в черновики
node-step-delete = Удалено
node-step-undelete = Возвращено после удаления
node-step-import = Перенесено
page-newer = Новее
flash-content-created = Черновик создан. Читатели его пока не видят.
flash-content-saved = Сохранено. Читатели увидят правки после публикации.
flash-content-same = Сохранено. Публиковать нечего: читатели уже видят этот текст.
flash-content-published = Опубликовано. Читатели уже видят это.
flash-content-scheduled = Запланировано. Читатели увидят это с указанного времени.
flash-content-unpublished = Снято с публикации. Это снова черновик.
flash-content-archived = Отправлено в архив.
flash-content-restored = Возвращено в черновики.
flash-content-undeleted = Возвращено таким, каким было до удаления.
flash-content-duplicated = Это копия: черновик с собственным именем в адресе.
flash-translation-deleted = Перевод удалён.
problem-node-not-found = Такой статьи или страницы нет. Возможно, её удалили.
problem-node-not-editable = Это в архиве. Сначала верните в черновики.
problem-node-still-published = Это опубликовано. Сначала снимите с публикации или отправьте в архив.
problem-translation-not-found = Текста на этом языке больше нет.
problem-original-translation = На этом языке текст написан первым, его удаляют только вместе со всем остальным.
field-invalid-slug = Только буквы, цифры, дефис и подчёркивание; первым и последним стоит буква или цифра.
field-not-lower-case = Только строчные буквы.
field-too-complex = Слишком много разметки. Упростите или разделите текст.
field-published-at-fixed = Читатели видят это с другой даты, она не меняется. Сотрите дату.
field-locale-not-listed = Магазин не использует этот язык. Владелец может добавить его в настройках.
## Импорт
menu-imports = Импорт
cancel = Отмена
megabytes = { $n } МБ
import-new = Импорт файла
import-heading = Импорт файла { $file }
imports-caption = Импорт, сначала новые
imports-none = Импорта ещё не было
imports-none-text = Перенесите товары или статьи из другого магазина или сайта. Пробный запуск покажет, что получится.
import-file = Файл
import-from = Откуда
import-sent = Отправлен
import-shopify = Shopify
import-wordpress = WordPress
import-shopify-text = Выгрузка товаров или остатков из Shopify в CSV. Другие магазины умеют писать такие же столбцы.
import-wordpress-text = Выгрузка WordPress в XML (WXR): «Инструменты», «Экспорт», «Всё содержимое».
import-currency = Валюта цен
import-currency-hint = Три буквы, например USD. В файле её нет.
import-source-name = Название другого магазина
import-source-name-hint = Необязательно. Укажите его, если переносите из нескольких магазинов: их товары не смешаются.
import-locale = Язык текстов
import-locale-hint = Например, en или pt-BR. В файле его нет.
import-overwrite = Заменить то, что изменено здесь
import-overwrite-hint = Иначе ваши правки после прошлого импорта останутся, а отчёт их назовёт.
import-zero = Считать от нуля, если в файле нет числа
import-zero-hint = Иначе такой товар продаётся без учёта остатка.
import-try = Только попробовать
import-try-hint = Ничего не сохранится; отчёт скажет, что получилось бы.
import-choose = Перетащите файл сюда или выберите его
import-most = До { $size }, можно в ZIP или gzip
import-start = Начать
import-queued = В очереди
import-running = Идёт
import-succeeded = Завершён
import-incomplete = Прочитан частично
import-failed = Не удался
import-dry-run = Пробный
import-created = Создано
import-updated = Обновлено
import-unchanged = Без изменений
import-skipped = Пропущено намеренно
import-errors = Ошибки
import-progress = Прочитано из файла
import-waits = Файл получен и ждёт своей очереди.
import-leave = Эту страницу можно закрыть: импорт продолжится, а отчёт останется здесь.
import-look-again = Показать, что сделано
import-csv = Отчёт в CSV
import-again = Отправить файл снова
import-for-real = Импортировать
import-failed-title = Больше ничего не импортировано
import-failed-text = Сделанное раньше сохранено. Исправьте то, что названо здесь, и отправьте файл снова: уже сделанное не изменится.
import-incomplete-title = Часть файла не удалось прочитать
import-incomplete-text = Прочитанное сохранено. Выгрузите файл заново и отправьте ещё раз: добавится только недостающее.
import-dry-title = Это была проба: ничего не сохранено
import-dry-text = Ниже показано, что получилось бы. Чтобы сохранить это, импортируйте файл без «Только попробовать».
import-some-errors = { $n ->
    [one] { $n } ошибка в файле, остальное сохранено
    [few] { $n } ошибки в файле, остальное сохранено
   *[many] { $n } ошибок в файле, остальное сохранено
}
import-some-errors-text = Исправьте их в файле и отправьте его снова: уже сделанное не изменится.
import-line = Строка
import-column = Позиция
import-wrong = Что не так
import-more-errors = Показаны только первые 1000.
import-notes = Оставлено или изменено намеренно
import-what = Что
import-left-out = Не импортировано или изменено, по видам
import-times = Сколько раз
import-left-column = Столбец «{ $name }»
import-left-markup = Удалённая разметка: { $name }
import-left-comments = Комментарии
import-left-attachments = Медиафайлы
import-left-blank = Пустые строки
import-left-element = Элемент «{ $name }»
import-left-meta = Произвольное поле «{ $name }»
import-left-price = Варианты без цены, их нельзя заказать
import-left-slug = Занятые адреса
import-left-menus = Пункты меню
field-currency-invalid = Напишите валюту тремя заглавными буквами, например USD.
field-locale-invalid = Напишите язык тегом, например en или pt-BR.
field-source-name-invalid = Напишите название одной строкой до 100 знаков, без #.
field-file-required = Выберите непустой файл.
field-file-last = Не удалось прочитать файл из формы. Загрузите страницу заново.
problem-import-not-found = Такого импорта нет. Отчёты хранятся 90 дней.
problem-too-many-imports = Несколько файлов уже ждут. Отправьте этот, когда они закончатся.
problem-body-too-large = Файл слишком большой. Разделите его или отправьте в ZIP или gzip. Ничего не сохранено.
problem-body-too-slow = Файл не успел прийти. Ничего не сохранено; отправьте его снова по более быстрой сети или в ZIP.
problem-overloaded = Сейчас нет места. Ничего не сохранено; отправьте снова через минуту.
field-not-found = С таким именем ничего нет. Проверьте имя или сначала создайте.

## Настройки
settings-general = Основное
settings-domains = Домены
settings-locales = Языки
settings-cors = Доступ с других сайтов
settings-changed-meanwhile = Пока страница была открыта, настройки изменил кто-то другой. Введённое вами ниже; сохраните ещё раз, чтобы оставить его.
settings-shop = Магазин
settings-name = Название
settings-currency = Валюта
settings-currency-hint = Три буквы, например USD. Цены в других валютах не меняются.
settings-pending = Отменять неподтверждённые заказы через
settings-pending-hint = От 1 до 43 200. Товар сам вернётся на склад.
settings-confirmed = Отменять подтверждённые, но не оплаченные заказы через
settings-confirmed-hint = От 0 до 525 600; 0 — никогда. Действует для заказов, подтверждённых после сохранения.
settings-minutes = минут
settings-pieces = Сколько товара один покупатель может удерживать в неподтверждённых заказах
settings-pieces-hint = От 0 до 1 000 000; 0 — без ограничения.
settings-pieces-unit = штук
settings-addresses = Адреса магазина
settings-own-address = Есть всегда, удалить нельзя
settings-domains-text = Другие адреса добавляет и удаляет администратор сервера. Обратитесь к нему, если вам нужен свой адрес.
settings-locales-of-shop = Языки магазина
settings-locale-main = Основной язык: показывается там, где перевода нет
settings-locale-make-main = Сделать основным
settings-locale-remove = Удалить { $locale }
settings-locales-all = Публикуются тексты на всех языках. Добавьте язык, чтобы публиковать только перечисленные.
settings-locales-listed = Публикуются тексты только на этих языках. Тексты на удалённом языке сохраняются и вернутся вместе с ним.
settings-locale-add = Добавить язык
settings-locale-new = Язык
settings-locale-new-hint = Тегом, например de или pt-BR.
settings-origins = Сайты, чьи страницы могут обращаться к API
settings-cors-text = Веб-страница с другого адреса может читать данные магазина, только если её адрес есть в этом списке. Программам без веб-страниц запись не нужна.
settings-origins-label = Адреса, по одному на строке
settings-origins-hint = Например, https://shop.example, без пути. https://*.preview.example.com — все имена внутри этого домена; одна * — любой сайт, только для витрины.
field-invalid-currency = Напишите валюту тремя заглавными буквами, например USD.
field-invalid-locale = Напишите язык тегом, например en или pt-BR.
field-invalid-origin = напишите адрес вида https://shop.example, без пути
field-not-a-number = Напишите число одними цифрами.
field-pending-order-ttl-minutes-out-of-range = Напишите от 1 до 43 200 минут.
field-confirmed-order-ttl-minutes-out-of-range = Напишите от 0 до 525 600 минут; 0 — никогда.
field-max-pending-pieces-out-of-range = Напишите от 0 до 1 000 000 штук; 0 — без ограничения.
field-too-many-items = Слишком много записей: можно не больше 50.
field-required = Это нужно заполнить.
field-too-long = Слишком длинно.
## Рубрики, метки и авторы
menu-terms = Рубрики и авторы
terms-categories = Рубрики
terms-tags = Метки
terms-authors = Авторы
terms-new-category = Новая рубрика
terms-new-tag = Новая метка
terms-new-author = Новый автор
terms-search = Поиск по началу названия
terms-no-match = Так ничего не начинается
terms-none = Пока пусто
terms-none-text = Их создают здесь, при переносе данных или в редакторе статьи.
terms-name = Название
terms-login = Логин
terms-login-hint = Короткое имя, единственное в этом магазине.
terms-author-name-hint = Его видят читатели. Пусто — логин.
terms-parent = Внутри
terms-parent-hint = Имя в адресе рубрики, в которую она входит. Пусто — ни в какую.
terms-slug-hint = По нему рубрику или метку открывают. Пусто — из названия или как было.
terms-count = Статей и страниц
terms-create = Создать
terms-page-first = Первая страница
terms-page-next = Следующая страница
terms-merge = Объединить с другим
terms-merge-text = Все статьи и страницы перейдут к выбранному, а этого больше не будет. Отменить нельзя.
terms-into = С чем объединить
terms-into-missing = Выберите, с чем объединить.
terms-merge-submit = Объединить
terms-delete-open = Удалить…
terms-delete-title = Удалить «{ $name }»?
terms-delete-text = Статьи и страницы останутся, но уже без этого. Вложенные рубрики поднимутся на уровень выше. Отменить нельзя.
terms-delete-author-text = Удалить можно только автора без статей и страниц. Отменить нельзя.
flash-terms-merged = Объединено, осталось вот это.
flash-terms-merging = Объединено, осталось вот это. Остальные статьи перейдут в фоне.
problem-term-not-found = Такой рубрики или метки нет. Возможно, её объединили с другой или удалили.
problem-term-exists = Такое название или имя в адресе уже есть. Объедините их или возьмите другое.
problem-author-not-found = Такого автора нет. Возможно, его объединили с другим или удалили.
problem-author-exists = Этот логин у другого автора. Объедините их или возьмите другой.
problem-author-in-use = У этого автора есть статьи или страницы, возможно удалённые. Объедините его с другим автором.
field-not-allowed = Здесь так нельзя: выберите другое.

## Ключи со сроком
token-life = Срок
token-life-open = Без срока, пока не отозван
token-life-30 = 30 дней
token-life-90 = 90 дней
token-life-365 = Год
token-used-at = Последнее обращение
token-ends-at = Действует до
