//! The tree that the HTML parser builds of a fragment: nodes in a vector, linked by index.
//!
//! It only stores the parser's result and never decides what is safe; [`super::sanitise`] does that.

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, ExpandedName, ParseOpts, QualName, local_name, ns, parse_fragment};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The index of a node in its tree.
pub(super) type Id = usize;

/// The maximum nesting depth of elements. Browsers stop at 512.
pub(super) const MAX_DEPTH: usize = 256;

/// The levels above and below the fragment's elements: the document, the context element, and a text.
const ABOVE: usize = 3;

/// The size of the chunks, in bytes, after which the nesting depth is checked.
const PIECE: usize = 4 << 10;

/// The document itself, the first node.
const DOCUMENT: Id = 0;

/// The content of a node.
pub(super) enum Data {
    /// The document, and the content of a `template`.
    Root,
    /// A tag with its attributes.
    Element(Rc<QualName>, Vec<Attribute>),
    /// Text, with all character references decoded.
    Text(StrTendril),
    /// Comments and other nodes that are not displayed.
    Unseen,
}

/// A node and its links.
struct Node {
    data: Data,
    parent: Option<Id>,
    previous: Option<Id>,
    next: Option<Id>,
    first: Option<Id>,
    last: Option<Id>,
}

/// A parsed fragment.
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Whether the parser moved nodes: misnested formatting, text in tables.
    pub(super) was_repaired: bool,
}

impl Tree {
    /// Parses `html` as the content of a `div`; `None` if it is nested more deeply than [`MAX_DEPTH`].
    ///
    /// The parser walks the stack of open elements at every tag, so nesting depth makes it slow; the depth is checked
    /// after each chunk.
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

    /// The depth of the newest node, counted only as far as the limit requires.
    fn depth_of_newest(&self) -> usize {
        let newest = self.nodes.len().checked_sub(1);
        std::iter::successors(newest, |id| self.parent(*id))
            .take(MAX_DEPTH + ABOVE + 1)
            .count()
    }

    /// The element that contains the fragment. The parser puts it, an `html`, first into the document.
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

    /// Removes a node and its subtree from its parent.
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

    /// Inserts a node below `parent`, before `next` or at the end.
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

/// The parser's reference to a node. It includes the name, which avoids a lookup in the tree.
#[derive(Clone)]
struct Handle {
    id: Id,
    name: Rc<QualName>,
    is_html_in_math: bool,
}

/// The sink of the parser's output.
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

    /// The content of a `template` is never used, so it is not stored.
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

    /// Attributes of a second `html` or `body`; a fragment has neither.
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
