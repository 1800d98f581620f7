// The panel in the app's page: Gradio brings the frames and takes the commands.

mount(element, {
  trigger, server,
  follow(state) {
    accept(state, props.value);
    watch("value", () => accept(state, props.value));
  },
});
