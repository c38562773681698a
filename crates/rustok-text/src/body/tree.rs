//! The tree that the HTML parser builds of a fragment: nodes in one list, linked by their places in it.
//!
//! It only keeps what the parser says. It must never decide what is safe; that is [`super::sanitise`]'s work.

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, ExpandedName, ParseOpts, QualName, local_name, ns, parse_fragment};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The place of a node in its tree.
pub(super) type Id = usize;

/// How deeply elements may be nested. Browsers stop at 512.
pub(super) const MAX_DEPTH: usize = 256;

/// What stands above the elements of a fragment, and below them: the document, the element that holds it, and a text.
const ABOVE: usize = 3;

/// After how many bytes it is looked at how deeply they are.
const PIECE: usize = 4 << 10;

/// The document itself, the first node.
const DOCUMENT: Id = 0;

/// What a node is.
pub(super) enum Data {
    /// The document, and the content of a `template`.
    Root,
    /// A tag with its attributes.
    Element(Rc<QualName>, Vec<Attribute>),
    /// Text, with all character references resolved.
    Text(StrTendril),
    /// Comments and the like, which nobody sees.
    Unseen,
}

/// A node and its neighbours.
struct Node {
    data: Data,
    parent: Option<Id>,
    previous: Option<Id>,
    next: Option<Id>,
    first: Option<Id>,
    last: Option<Id>,
}

/// A fragment as the parser understood it.
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Whether the parser moved nodes away from where they were written: misnested formatting, text in tables.
    pub(super) was_repaired: bool,
}

impl Tree {
    /// Parses `html` as what stands inside a `div`; `None` when it is nested more deeply than [`MAX_DEPTH`].
    ///
    /// A parser walks along what is open at every tag, so depth is what makes it slow. It is looked at now and then.
    pub(super) fn parse(html: &str) -> Option<Self> {
        let context = QualName::new(None, ns!(html), local_name!("div"));
        let mut parser = parse_fragment(Sink::default(), ParseOpts::default(), context, Vec::new(), false);
        let mut rest = html;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
            parser.process(StrTendril::from(piece));
            let tree = parser.tokenizer.sink.sink.tree.borrow();
            if tree.depth_of_newest() > MAX_DEPTH + ABOVE {
                return None;
            }
            drop(tree);
            rest = more;
        }
        Some(parser.finish())
    }

    /// How deeply the newest node lies, as far as it matters.
    fn depth_of_newest(&self) -> usize {
        let newest = self.nodes.len().checked_sub(1);
        std::iter::successors(newest, |id| self.parent(*id))
            .take(MAX_DEPTH + ABOVE + 1)
            .count()
    }

    /// The element that holds the fragment. The parser puts it, an `html`, first into the document.
    pub(super) fn top(&self) -> Option<Id> {
        self.first(DOCUMENT)
    }

    pub(super) fn data(&self, id: Id) -> Option<&Data> {
        self.nodes.get(id).map(|node| &node.data)
    }

    pub(super) fn first(&self, id: Id) -> Option<Id> {
        self.nodes.get(id)?.first
    }

    pub(super) fn next(&self, id: Id) -> Option<Id> {
        self.nodes.get(id)?.next
    }

    pub(super) fn parent(&self, id: Id) -> Option<Id> {
        self.nodes.get(id)?.parent
    }

    fn add(&mut self, data: Data) -> Id {
        self.nodes.push(Node {
            data,
            parent: None,
            previous: None,
            next: None,
            first: None,
            last: None,
        });
        self.nodes.len() - 1
    }

    fn change(&mut self, id: Option<Id>, change: impl FnOnce(&mut Node)) {
        if let Some(node) = id.and_then(|id| self.nodes.get_mut(id)) {
            change(node);
        }
    }

    fn last(&self, id: Id) -> Option<Id> {
        self.nodes.get(id)?.last
    }

    fn previous(&self, id: Id) -> Option<Id> {
        self.nodes.get(id)?.previous
    }

    /// Takes a node out from under its parent, with all that is in it.
    fn detach(&mut self, id: Id) {
        let (parent, previous, next) = (self.parent(id), self.previous(id), self.next(id));
        match previous {
            Some(_) => self.change(previous, |node| node.next = next),
            None => self.change(parent, |node| node.first = next),
        }
        match next {
            Some(_) => self.change(next, |node| node.previous = previous),
            None => self.change(parent, |node| node.last = previous),
        }
        self.change(Some(id), |node| {
            (node.parent, node.previous, node.next) = (None, None, None)
        });
    }

    /// Puts a node under `parent`, before `next` or at the end.
    fn attach(&mut self, id: Id, parent: Id, next: Option<Id>) {
        self.detach(id);
        let previous = match next {
            Some(next) => self.previous(next),
            None => self.last(parent),
        };
        self.change(Some(id), |node| {
            (node.parent, node.previous, node.next) = (Some(parent), previous, next);
        });
        match previous {
            Some(_) => self.change(previous, |node| node.next = Some(id)),
            None => self.change(Some(parent), |node| node.first = Some(id)),
        }
        match next {
            Some(_) => self.change(next, |node| node.previous = Some(id)),
            None => self.change(Some(parent), |node| node.last = Some(id)),
        }
    }

    fn insert(&mut self, child: NodeOrText<Handle>, parent: Id, next: Option<Id>) {
        let text = match child {
            NodeOrText::AppendNode(handle) => return self.attach(handle.id, parent, next),
            NodeOrText::AppendText(text) => text,
        };
        let before = match next {
            Some(next) => self.previous(next),
            None => self.last(parent),
        };
        let before = before.and_then(|id| self.nodes.get_mut(id));
        if let Some(Data::Text(known)) = before.map(|node| &mut node.data) {
            known.push_tendril(&text);
        } else {
            let id = self.add(Data::Text(text));
            self.attach(id, parent, next);
        }
    }
}

/// A node as the parser knows it: its name is at hand without a look into the tree.
#[derive(Clone)]
struct Handle {
    id: Id,
    name: Rc<QualName>,
    is_html_in_math: bool,
}

/// Takes what the parser finds.
struct Sink {
    tree: RefCell<Tree>,
    nameless: Rc<QualName>,
    was_repaired: Cell<bool>,
}

impl Default for Sink {
    fn default() -> Self {
        let mut tree = Tree {
            nodes: Vec::new(),
            was_repaired: false,
        };
        tree.add(Data::Root);
        Self {
            tree: RefCell::new(tree),
            nameless: Rc::new(QualName::new(None, ns!(), local_name!(""))),
            was_repaired: Cell::new(false),
        }
    }
}

impl Sink {
    fn nameless(&self, id: Id) -> Handle {
        Handle {
            id,
            name: Rc::clone(&self.nameless),
            is_html_in_math: false,
        }
    }

    fn add(&self, data: Data) -> Id {
        self.tree.borrow_mut().add(data)
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Tree;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Tree {
        let mut tree = self.tree.into_inner();
        tree.was_repaired = self.was_repaired.get();
        tree
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.nameless(DOCUMENT)
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Handle {
        let name = Rc::new(name);
        Handle {
            id: self.add(Data::Element(Rc::clone(&name), attributes)),
            name,
            is_html_in_math: flags.mathml_annotation_xml_integration_point,
        }
    }

    fn create_comment(&self, _: StrTendril) -> Handle {
        self.nameless(self.add(Data::Unseen))
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        self.nameless(self.add(Data::Unseen))
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.tree.borrow_mut().insert(child, parent.id, None);
    }

    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        let parent = self.tree.borrow().parent(element.id);
        match parent {
            Some(_) => self.append_before_sibling(element, child),
            None => self.append(previous, child),
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// What is in a `template` is never looked at, so it is kept nowhere.
    fn get_template_contents(&self, _: &Handle) -> Handle {
        self.nameless(self.add(Data::Root))
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        one.id == other.id
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        self.was_repaired.set(true);
        let mut tree = self.tree.borrow_mut();
        if let Some(parent) = tree.parent(sibling.id) {
            tree.insert(child, parent, Some(sibling.id));
        }
    }

    /// Attributes of a second `html` or `body`, neither of which is in a fragment.
    fn add_attrs_if_missing(&self, _: &Handle, _: Vec<Attribute>) {}

    fn remove_from_parent(&self, target: &Handle) {
        self.was_repaired.set(true);
        self.tree.borrow_mut().detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, parent: &Handle) {
        self.was_repaired.set(true);
        let mut tree = self.tree.borrow_mut();
        while let Some(child) = tree.first(node.id) {
            tree.attach(child, parent.id, None);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        handle.is_html_in_math
    }
}
