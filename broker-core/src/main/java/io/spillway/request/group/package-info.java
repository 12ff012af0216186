/**
 * Groups and their offsets: the classic and the KIP-848 protocol, committed offsets, and what an
 * administrator asks about them.
 */
@NullMarked
package io.spillway.request.group;

import org.jspecify.annotations.NullMarked;
