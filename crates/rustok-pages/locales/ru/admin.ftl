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
time-with-year = { $day } { $month } { $year }, { $time }
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
