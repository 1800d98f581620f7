// What Gradio runs where its component stands. The panel is a module, which browsers keep (`scripts` is its address).
// Its commands are "start", "preset", "suit" and "link": Gradio looks for them in here.

const panel = import(new URL(scripts, document.baseURI));
panel.then(({ mountInGradio }) => mountInGradio(element, { trigger, server, props, watch }));
