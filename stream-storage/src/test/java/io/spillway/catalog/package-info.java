/** Tests of the catalog: its rules, its formats, and replicas on a bucket that misbehaves. */
@NullMarked
package io.spillway.catalog;

import org.jspecify.annotations.NullMarked;
