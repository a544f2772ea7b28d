"""What a disk may hold after the power went, derived from the record of a run's calls.

The model is that of POSIX, weaker than any one file system: a write is durable after an fsync of its
file, a change of names after an fsync of the folder they are in, and everything else may be there or
not, in any combination. A rename within a folder is one change. Files and folders are nodes, so that
what a name leads to does not depend on which other changes of names survived.
"""

import os
import random
import shutil

PAGE = 4096


class Node:
    """A file with its durable bytes, or a folder with its durable names."""

    def __init__(self, content=None):
        self.content = content
        self.names = {} if content is None else None


class Change:
    """One change to a node, made by a call and durable from a later one on; neither names nor data: a cut."""

    def __init__(self, position, node, names=None, offset=None, data=None):
        self.position, self.node = position, node
        self.names, self.offset, self.data = names, offset, data
        self.durable = float("inf")

    def applied(self, content):
        """What a file holds after a write or a cut."""
        content = content.ljust(self.offset, b"\0")
        if self.data is None:
            return content[:self.offset]
        return content[:self.offset] + self.data + content[self.offset + len(self.data):]


def _scan(folder):
    node = Node()
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            node.names[name] = _scan(path)
        else:
            with open(path, "rb") as file:
                node.names[name] = Node(file.read())
    return node


class Replay:
    """The changes that the calls made to a folder that was durable before."""

    def __init__(self, template, calls):
        self.root = _scan(template)
        self.changes = []
        # The names as the running program sees them.
        self._seen = {id(self.root): dict(self.root.names)}
        self._learn(self.root)
        self._ends = {}
        for position, call in enumerate(calls):
            if call.result >= 0:
                self._take(position, call)
        self.length = len(calls)

    def _learn(self, node):
        for child in (node.names or {}).values():
            if child.names is not None:
                self._seen[id(child)] = dict(child.names)
                self._learn(child)

    def _find(self, path):
        node = self.root
        for name in filter(None, path.split("/")):
            node = self._seen[id(node)][name]
        return node

    def _place(self, path):
        folder, _, name = path.rpartition("/")
        return (self._find(folder) if folder else self.root), name

    def _rename(self, position, path, other):
        folder, name = self._place(path)
        target, new = self._place(other)
        assert folder is target, "a rename between folders is two changes"
        self._change(position, folder, {name: None, new: self._find(path)})

    def _change(self, position, folder, names):
        seen = self._seen[id(folder)]
        for name, node in names.items():
            if node is None:
                seen.pop(name, None)
            else:
                seen[name] = node
        self.changes.append(Change(position, folder, names=names))

    def _take(self, position, call):
        operation = call.operation
        if operation in ("create", "mkdir"):
            folder, name = self._place(call.path)
            if name in self._seen[id(folder)]:
                return
            node = Node(b"" if operation == "create" else None)
            if operation == "mkdir":
                self._seen[id(node)] = {}
            self._change(position, folder, {name: node})
        elif operation in ("unlink", "rmdir"):
            folder, name = self._place(call.path)
            self._change(position, folder, {name: None})
        elif operation == "rename":
            self._rename(position, call.path, call.other)
        elif operation in ("write", "pwrite"):
            node = self._find(call.path)
            offset = self._ends.get(id(node), 0) if operation == "write" else call.offset
            self._ends[id(node)] = offset + len(call.bytes)
            self.changes.append(Change(position, node, offset=offset, data=call.bytes))
        elif operation in ("fsync", "fdatasync"):
            node = self._find(call.path)
            for change in self.changes:
                if change.node is node and change.position < position - call.offset:
                    change.durable = min(change.durable, position)
        elif operation == "ftruncate":
            node = self._find(call.path)
            self._ends[id(node)] = call.offset
            self.changes.append(Change(position, node, offset=call.offset))
        else:
            assert operation not in ("link", "symlink", "fallocate"), operation

    def states(self, prefix, generator):
        """The states after the first `prefix` calls, as (description, tree)."""
        made = [change for change in self.changes if change.position < prefix]
        loose = [change for change in made if change.durable >= prefix]

        def tree(kept, damage=None):
            return self._tree([c for c in made if c.durable < prefix or c in kept], damage)

        yield "all arrived", tree(loose)
        yield "none arrived", tree([])
        for change in loose:
            yield "one lost", tree([other for other in loose if other is not change])
            yield "one arrived", tree([change])
        yield "names without data", tree([change for change in loose if change.names])
        yield "data without names", tree([change for change in loose if not change.names])
        for _ in range(8):
            yield "some arrived", tree([c for c in loose if generator.random() < 0.5])
        for node in {id(c.node): c.node for c in loose if c.data}.values():
            for kind in ("torn", "empty", "garbage"):
                yield kind, tree(loose, (node, kind, self._safe(node, made, prefix)))

    def _safe(self, node, made, prefix):
        """How many first bytes of a file no loss of power may take any more."""
        content = node.content
        for change in made:
            if change.node is node and change.durable < prefix and change.names is None:
                content = change.applied(content)
        return len(content)

    def _tree(self, changes, damage):
        names = {}
        contents = {}
        for change in changes:
            if change.names is None:
                contents[id(change.node)] = change.applied(
                    contents.get(id(change.node), change.node.content))
                continue
            inside = names.setdefault(id(change.node), dict(change.node.names))
            for name, node in change.names.items():
                if node is None:
                    inside.pop(name, None)
                else:
                    inside[name] = node
        if damage:
            node, kind, safe = damage
            contents[id(node)] = _damaged(contents.get(id(node), node.content), kind, safe)
        return self._whole(self.root, names, contents)

    def _whole(self, node, names, contents):
        if node.names is None:
            return contents.get(id(node), node.content)
        inside = names.get(id(node), node.names)
        return {name: self._whole(child, names, contents) for name, child in sorted(inside.items())}


def _damaged(content, kind, safe):
    """What may be left of a file whose last data was under way, after so many bytes that are safe."""
    if kind == "empty":
        return content[:safe]
    start = max(safe, max(0, len(content) - 1) // PAGE * PAGE)
    tail = b"\0" * max(0, len(content) - start)
    if kind == "garbage":
        tail = random.Random(len(content)).randbytes(len(tail) + 100)
    return content[:start] + tail


def materialise(tree, folder):
    """Makes the files of a state."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name, child in tree.items():
        path = os.path.join(folder, name)
        if isinstance(child, dict):
            materialise(child, path)
        else:
            with open(path, "wb") as file:
                file.write(child)


def fingerprint(tree):
    """A value equal for equal states."""
    if isinstance(tree, bytes):
        return hash(tree)
    return hash(tuple((name, fingerprint(child)) for name, child in tree.items()))


def power_states(template, calls, seed):
    """All distinct states of a record, as (prefix, description, tree, committed)."""
    replay = Replay(template, calls)
    marks = [i for i, call in enumerate(calls) if call.operation == "mark"]
    committed = min((i for i in marks if calls[i].path == "committed"), default=len(calls))
    found = {}
    for prefix in range(replay.length + 1):
        generator = random.Random(f"{seed} {prefix}")
        for kind, tree in replay.states(prefix, generator):
            # The same files before and after the promise are two cases.
            key = (fingerprint(tree), prefix > committed)
            found.setdefault(key, (prefix, kind, tree, prefix > committed))
    return list(found.values())
