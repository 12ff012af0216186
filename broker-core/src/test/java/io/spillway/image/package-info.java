/** The container images and the compose files, checked and run without a container engine. */
package io.spillway.image;
