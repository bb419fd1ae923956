//! A thousand conversations by `tungstenite`, both sides.

use std::sync::Arc;
use together::{Door, answer_to, ask_all, listen, serve};
use tungstenite::{Message, accept, connect};

fn main() {
    let door = Arc::new(Door::default());
    let (listener, port) = listen();
    serve(listener, {
        let door = door.clone();
        move |stream| {
            let mut socket = accept(stream).expect("the client asks for a web socket");
            socket.send(Message::text("hello")).expect("it listens");
            let question = number(&socket.read().expect("it asks"));
            door.pass();
            let answer = answer_to(question).to_string();
            socket.send(Message::text(answer)).expect("it listens");
            let last = socket.read().expect("it says goodbye");
            assert!(last.is_close());
            while socket.read().is_ok() {}
        }
    });
    ask_all(&door, move |question| {
        let (mut socket, response) =
            connect(format!("ws://127.0.0.1:{port}/socket")).expect("the server talks to us");
        assert_eq!(response.status(), 101);
        let greeting = socket.read().expect("the server greets");
        assert_eq!(greeting, Message::text("hello"));
        socket
            .send(Message::text(question.to_string()))
            .expect("the server listens");
        let answer = number(&socket.read().expect("the server answers"));
        socket.close(None).expect("the server listens");
        while socket.read().is_ok() {}
        answer
    });
}

fn number(message: &Message) -> u64 {
    let text = message.to_text().expect("it is text");
    text.parse().expect("it is a number")
}
