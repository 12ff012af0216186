/**
 * The cluster as the control plane's log describes it: our own view, and the port to the
 * controller.
 */
@NullMarked
package io.spillway.metadata;

import org.jspecify.annotations.NullMarked;
