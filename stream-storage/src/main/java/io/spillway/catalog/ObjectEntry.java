package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.ObjectRef;

/**
 * An object and how many extents refer to it.
 *
 * @param references 0: the object is gone, and older layers' entries of it are hidden
 * @param inIndex whether the index has the object, once it has all older layers
 */
record ObjectEntry(ObjectRef ref, int references, boolean inIndex) {

  /** With one more or one less reference. */
  ObjectEntry plus(int change) {
    return new ObjectEntry(ref, references + change, inIndex);
  }

  /** The same in the next layer. */
  ObjectEntry inNextLayer() {
    return new ObjectEntry(ref, references, references > 0);
  }
}
